import { crashAfterCommit } from './crash-after-commit.ts'
import type { ShopDatabase } from './shop-database.ts'

/** The shop shows all of them. A real one would have one of these files, and import it. */
const databases: Record<string, () => Promise<ShopDatabase>> = {
  pglite: () => import('./databases/postgres.ts'),
  postgres: () => import('./databases/postgres.ts'),
  mysql: () => import('./databases/mysql.ts'),
  sqlite: () => import('./databases/sqlite.ts'),
  mongodb: () => import('./databases/mongodb.ts'),
}

const { DATABASE = 'pglite', CRASH_AFTER_COMMIT } = process.env

export const {
  shopDatabase,
  insertOrder,
  takeFromStock,
  addToSales,
  listOrders,
  listSales,
  createTables,
  closeDatabase,
} = await databases[DATABASE]!()

if (CRASH_AFTER_COMMIT) crashAfterCommit(shopDatabase, Number(CRASH_AFTER_COMMIT))
