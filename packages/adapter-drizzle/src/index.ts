export { drizzlePostgres } from './drizzle-postgres.ts'
export type { DrizzlePostgresOptions } from './drizzle-postgres.ts'
