export { mysql2 } from './mysql2.ts'
export type { Mysql2Options } from './mysql2.ts'
export type { Mysql2TransactionOptions } from './begin.ts'
