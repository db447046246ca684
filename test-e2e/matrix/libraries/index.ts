import type { Library, Product } from '../library.ts'

/** Loaded when a cell needs them: a process of a cell then starts in a fraction of the time. */
const libraries = {
  'drizzle node-postgres': [
    'postgres',
    async () => (await import('./drizzle-postgres.ts')).drizzleNodePostgres,
  ],
  'drizzle postgres-js': [
    'postgres',
    async () => (await import('./drizzle-postgres.ts')).drizzlePostgresJs,
  ],
  'drizzle pglite': ['pglite', async () => (await import('./drizzle-postgres.ts')).drizzlePglite],
  pg: ['postgres', async () => (await import('./pg.ts')).nodePostgres],
  'sequelize postgres': ['postgres', async () => (await import('./sequelize.ts')).sequelizeByUrl],
  'drizzle mysql2': ['mysql', async () => (await import('./drizzle-mysql.ts')).drizzleMysql2],
  'sequelize mysql2': ['mysql', async () => (await import('./sequelize.ts')).sequelizeByUrl],
  mysql2: ['mysql', async () => (await import('./mysql2.ts')).mysql2Pool],
  'drizzle better-sqlite3': [
    'sqlite',
    async () => (await import('./drizzle-sqlite.ts')).drizzleBetterSqlite3,
  ],
  'drizzle libsql': ['sqlite', async () => (await import('./drizzle-sqlite.ts')).drizzleLibsql],
  mongodb: ['mongodb', async () => (await import('./mongo.ts')).mongodb],
} satisfies Record<string, [Product, () => Promise<Library>]>

export type LibraryName = keyof typeof libraries

export const libraryNames = Object.keys(libraries) as LibraryName[]

export function productOf(name: LibraryName): Product {
  return libraries[name][0]
}

export async function loadLibrary(name: LibraryName): Promise<Library> {
  return await libraries[name][1]()
}
