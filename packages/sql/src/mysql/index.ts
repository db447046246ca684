import type { SqlDialect } from '../dialect.ts'
import * as barrier from './barrier.ts'
import { isMissingTable, isRefusal, isRolledBack, isUndecided, isUnreachable } from './errors.ts'
import * as once from './once.ts'
import { isOpen, markOpen } from './open-transaction.ts'
import * as prune from './prune.ts'
import {
  createMeta,
  hasMeta,
  lockMigrations,
  migrations,
  readClock,
  readPlace,
  tables,
  unlockMigrations,
  writeVersion,
} from './schema.ts'

// What further tables and adapters on these products need.
export { epochMs, isBefore, now, nowPlus } from './clock.ts'
export { errorNumber } from './errors.ts'
export { gidTable, join, list, rows, toLiteralText } from './literal.ts'
export { ascii, tableOptions } from './schema.ts'

/** MySQL 8.0.13 and later, MariaDB 10.6 and later. */
export const mysql: SqlDialect = {
  name: 'mysql',
  tables,
  migrations,
  lockMigrations,
  unlockMigrations,
  hasMeta,
  createMeta,
  writeVersion,
  readPlace,
  readClock,
  markOpen,
  isOpen,
  ...barrier,
  ...once,
  ...prune,
  isUndecided,
  isRolledBack,
  isRefusal,
  isUnreachable,
  isMissingTable,
}
