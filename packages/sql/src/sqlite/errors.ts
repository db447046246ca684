import { isSteppingError } from '@stepping/core'
import { errorCode } from '../postgres/errors.ts'

/** Another connection holds a lock, or has written since this transaction began to read (BUSY_SNAPSHOT). */
export function isUndecided(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(errorCode(error) ?? '')
}

/** As the driver threw it. Where an adapter has waited for the lock in vain, its own error says so. */
export function isRolledBack(error: unknown): boolean {
  return !isSteppingError(error) && isUndecided(error)
}

export function isRefusal(error: unknown): boolean {
  return /^SQLITE_(CONSTRAINT|MISMATCH|RANGE|TOOBIG)/.test(errorCode(error) ?? '')
}

/**
 * The file cannot be opened, read or written, or is no database; a closed libSQL client; and of a
 * remote one Node's socket codes and those of its protocol.
 */
export function isUnreachable(error: unknown): boolean {
  return /^(SQLITE_(AUTH|CANTOPEN|CORRUPT|IOERR|NOTADB|PERM|READONLY)\w*|CLIENT_CLOSED|HRANA_\w+|SERVER_ERROR|E[A-Z]+)$/.test(
    errorCode(error) ?? '',
  )
}

/** SQLite has no code for it: SQLITE_ERROR is all that goes wrong in a statement. */
export function isMissingTable(error: unknown): boolean {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; depth++) {
    if (/\bno such table: /.test(each.message)) return true
    each = each.cause
  }
  return false
}
