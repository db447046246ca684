export { pg } from './pg.ts'
export type { PgOptions } from './pg.ts'
export type { PgTransactionOptions } from './begin.ts'
