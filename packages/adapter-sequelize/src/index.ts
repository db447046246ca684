export { sequelize } from './sequelize.ts'
export type { SequelizeOptions, SequelizeTransactionOptions } from './sequelize.ts'
