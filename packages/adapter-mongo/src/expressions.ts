/**
 * The expression, or an error when the server's clock is past the time: one that aborts a
 * transaction, so that nobody can commit what came too late. The conversion must not be one that
 * the server can try beforehand, so it takes a field.
 */
export function tooLate(notAfter: number, expression: unknown): object {
  const failure = { $toInt: { $concat: ['too late: ', '$gid'] } }
  return { $cond: [{ $lt: ['$$NOW', new Date(notAfter)] }, expression, failure] }
}

/** This long before now, on the server's clock. */
export function before(ms: number): object {
  return { $subtract: ['$$NOW', ms] }
}
