/**
 * The windows that keep a late message from meeting rows that were cleaned away. All guards are
 * checked by the database, on its own clock, in the statement that they guard.
 */
export const safeAge = {
  /** How long after its creation a job may still be prepared, submitted, bound to a transaction or asked about. */
  jobWindowMs: 86_400_000,
  /** How long after its start an attempt of a step may still write a `once` row. */
  attemptWindowMs: 3_600_000,
  /** The largest difference between the clocks of the app and of a database that `start()` accepts. */
  clockSkewMs: 300_000,
  /** The longest that one guarded statement may run after its guard was evaluated. */
  statementMs: 60_000,
} as const

/** A barrier row may go this long after it was written, if its job is known to be over. */
export const barrierRetentionMs: number =
  safeAge.jobWindowMs + safeAge.clockSkewMs + safeAge.statementMs

/** The row of a job that is over may go this long after: later than its barrier row, which goes only while this one tells that it may. */
export const jobRetentionMs: number = 2 * barrierRetentionMs

/** A `once` row may go this long after its job was seen to be over. */
export const onceRetentionMs: number =
  safeAge.attemptWindowMs + safeAge.clockSkewMs + safeAge.statementMs
