import type { SqlDialect } from '../dialect.ts'
import * as barrier from './barrier.ts'
import { isMissingTable, isRefusal, isRolledBack, isUndecided, isUnreachable } from './errors.ts'
import * as once from './once.ts'
import * as openTransaction from './open-transaction.ts'
import * as prune from './prune.ts'
import * as schema from './schema.ts'

/** SQLite 3.42 and later (see `assertSqliteVersion`), and libSQL. */
export const sqlite: SqlDialect = {
  name: 'sqlite',
  resolvesAlone: true,
  ...schema,
  ...openTransaction,
  ...barrier,
  ...once,
  ...prune,
  isUndecided,
  isRolledBack,
  isRefusal,
  isUnreachable,
  isMissingTable,
}
