interface DriverError extends Error {
  readonly errno?: unknown
  readonly code?: unknown
  readonly fatal?: unknown
}

/** By which MySQL and MariaDB number their errors; the names differ between drivers. */
const numbers = {
  undecided: [
    1020, // MariaDB: changed after the snapshot
    1205, // lock wait timeout
    1213, // deadlock
    1317, // interrupted, for example by a limit of the host's
    1969, // MariaDB: max_statement_time
    3024, // MySQL: max_execution_time
    3572, // MySQL: nowait
  ],
  rolledBack: [1020, 1205, 1213],
  refusal: [
    1048, // null
    1062, // duplicate
    1153, // a packet larger than max_allowed_packet
    1264, // out of range
    1366, // not of the type or the character set
    1406, // too long
    4025, // MariaDB: a check of the table
    3819, // MySQL: the same
  ],
  unreachable: [
    1040, // too many connections
    1044, // no right to the database
    1045, // wrong login
    1049, // no such database
    1053, // shutting down
    1129, // host blocked
    1130, // host not allowed
    1203, // too many connections of this user
    1226, // too many questions of this user
    1698, // wrong login
    1820, // password expired
    1862, // password expired
    1927, // MariaDB: connection killed
    3118, // account locked
    3159, // no TLS
    3169, // MySQL: session killed
    4031, // MySQL: disconnected for being idle
    4151, // MariaDB: account locked
  ],
  missingTable: [1146],
} as const

/** A lock or a timeout kept the answer away: ask again. */
export function isUndecided(error: unknown): boolean {
  return isOneOf(numbers.undecided, error)
}

/**
 * A deadlock undoes the transaction, and so does MariaDB where a row was changed after the snapshot
 * (`innodb_snapshot_isolation`). A lock wait timeout undoes the statement, and with it, on a
 * connection of this library's own, the transaction.
 */
export function isRolledBack(error: unknown): boolean {
  return isOneOf(numbers.rolledBack, error)
}

export function isRefusal(error: unknown): boolean {
  return isOneOf(numbers.refusal, error)
}

export function isMissingTable(error: unknown): boolean {
  return isOneOf(numbers.missingTable, error)
}

/** Codes of Node's sockets and of mysql2; mysql2 has no code for a connection that was lost before. */
export function isUnreachable(error: unknown): boolean {
  const { code, fatal } = driverError(error) ?? {}
  if (isOneOf(numbers.unreachable, error)) return true
  return (typeof code === 'string' && /^(E[A-Z]+|PROTOCOL_\w+)$/.test(code)) || fatal === true
}

/** The number of the server's error, also where a library wrapped it; undefined when the server said nothing. */
export function errorNumber(error: unknown): number | undefined {
  const errno = driverError(error)?.errno
  // Those of Node's sockets are negative.
  return typeof errno === 'number' && errno > 0 ? errno : undefined
}

function isOneOf(those: readonly number[], error: unknown): boolean {
  const number = errorNumber(error)
  return number !== undefined && those.includes(number)
}

function driverError(error: unknown): DriverError | undefined {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; depth++) {
    const { errno, code, fatal } = each as DriverError
    const known = typeof errno === 'number' || typeof code === 'string' || fatal === true
    if (known && each.name !== 'SteppingError') return each
    each = each instanceof AggregateError ? each.errors[0] : each.cause
  }
  return undefined
}
