import type { SqlDialect } from '../dialect.ts'
import * as barrier from './barrier.ts'
import { isMissingTable, isRefusal, isRolledBack, isUndecided, isUnreachable } from './errors.ts'
import * as once from './once.ts'
import * as openTransaction from './open-transaction.ts'
import * as prune from './prune.ts'
import * as schema from './schema.ts'

/** PostgreSQL 14 and later, and PGlite. */
export const postgres: SqlDialect = {
  name: 'postgres',
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
