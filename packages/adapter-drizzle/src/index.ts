export { drizzlePostgres } from './drizzle-postgres.ts'
export type { DrizzlePostgresOptions } from './drizzle-postgres.ts'
export { drizzleSqlite } from './drizzle-sqlite.ts'
export type { DrizzleSqliteOptions } from './drizzle-sqlite.ts'
