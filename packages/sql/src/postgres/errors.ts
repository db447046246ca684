/** The SQLSTATE (or Node's code) of a driver's error, also where a library wrapped it. */
export function errorCode(error: unknown): string | undefined {
  for (const each of withCauses(error)) {
    const { code } = each as { code?: unknown }
    if (typeof code === 'string' && each.name !== 'SteppingError') return code
  }
  return undefined
}

/** What the server said with this SQLSTATE, also where a library wrapped it. */
export function serverMessage(error: unknown, code: string): string | undefined {
  for (const each of withCauses(error)) {
    if ((each as { code?: unknown }).code === code) return each.message
  }
  return undefined
}

function* withCauses(error: unknown): Generator<Error> {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; depth++) {
    yield each
    each = each instanceof AggregateError ? each.errors[0] : each.cause
  }
}

/** 55P03 lock not available, 57014 statement timeout, 40001 serialization failure, 40P01 deadlock. */
export function isUndecided(error: unknown): boolean {
  return ['55P03', '57014', '40001', '40P01'].includes(errorCode(error) ?? '')
}

/** 40001 serialization failure, 40P01 deadlock. */
export function isRolledBack(error: unknown): boolean {
  return ['40001', '40P01'].includes(errorCode(error) ?? '')
}

/** SQLSTATE classes 22 (data exception), 23 (integrity) and 54 (program limit). */
export function isRefusal(error: unknown): boolean {
  return /^(22|23|54)/.test(errorCode(error) ?? '')
}

/** 42P01 undefined table, 3F000 undefined schema. */
export function isMissingTable(error: unknown): boolean {
  return ['42P01', '3F000'].includes(errorCode(error) ?? '')
}

/**
 * Class 08, 57P01 to 57P05 (shutting down, starting up, dropped, idle), 53300 (too many connections), 28xxx
 * (refused login), 3D000 (no such database), and the codes of Node's sockets and of postgres-js.
 */
export function isUnreachable(error: unknown): boolean {
  const code = errorCode(error)
  if (code !== undefined) {
    return /^(08...|57P0[1-5]|53300|28...|3D000|E[A-Z]+|CONNECT_TIMEOUT|CONNECTION_\w+)$/.test(code)
  }
  return error instanceof Error && lostByNodePostgres.test(rootMessage(error))
}

/**
 * node-postgres has bare messages, without a code, for the queries of a connection that is lost or
 * was lost before, for a connection that takes too long, and for a password that is missing.
 */
const lostByNodePostgres =
  /^(Connection terminated|Client (was closed|has encountered)|timeout exceeded when trying to connect|SASL: )/

function rootMessage(error: Error): string {
  return error.cause instanceof Error ? rootMessage(error.cause) : error.message
}
