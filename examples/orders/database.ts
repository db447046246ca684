import { crashAfterCommit } from './crash-after-commit.ts'
import type { ShopDatabase } from './shop-database.ts'

/** To show all of them. A real shop has one of these files, and imports it. */
const databases: Record<string, () => Promise<ShopDatabase>> = {
  pglite: () => import('./databases/postgres.ts'),
  postgres: () => import('./databases/postgres.ts'),
  mysql: () => import('./databases/mysql.ts'),
  sqlite: () => import('./databases/sqlite.ts'),
  mongodb: () => import('./databases/mongodb.ts'),
}

const { DATABASE = 'pglite', CRASH_AFTER_COMMIT } = process.env

export const shop: ShopDatabase = await databases[DATABASE]!()

if (CRASH_AFTER_COMMIT) crashAfterCommit(shop.database, Number(CRASH_AFTER_COMMIT))
