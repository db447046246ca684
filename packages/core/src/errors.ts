/**
 * Every way this library refuses or fails, as a stable word. Test for the code, never for the
 * message or the class: two installed copies of core have two classes.
 */
export type SteppingErrorCode =
  // the job
  | 'GID_INVALID'
  | 'JOB_ABANDONED'
  | 'JOB_ALREADY_PREPARED'
  | 'JOB_ALREADY_SUBMITTED'
  | 'JOB_CONFLICT'
  | 'JOB_DUPLICATE'
  | 'JOB_FROZEN'
  | 'JOB_LOST'
  | 'JOB_NO_STEPS'
  | 'JOB_NO_TRANSACTION'
  | 'JOB_NOT_PREPARED'
  | 'JOB_RUNNING'
  | 'JOB_STATE'
  | 'JOB_UNKNOWN'
  // its steps
  | 'ARGS_INVALID'
  | 'ARGS_NOT_JSON'
  | 'ARGS_TOO_LARGE'
  | 'GRPC_STATUS'
  | 'HTTP_STATUS'
  | 'ONCE_EXPIRED'
  | 'ONCE_KEY_REUSED'
  | 'ONCE_NOT_AWAITED'
  | 'STEP_DUPLICATE'
  | 'STEP_INTERRUPTED'
  | 'STEP_PARKED'
  | 'STEP_RETRY'
  | 'STEP_THREW_NON_ERROR'
  | 'STEP_TIMEOUT'
  | 'STEP_UNKNOWN'
  // the transaction it is tied to
  | 'BARRIER_DECIDED'
  | 'BARRIER_EXPIRED'
  | 'BARRIER_UNDECIDED'
  | 'TRANSACTION_LOST'
  | 'TRANSACTION_NESTED'
  | 'TRANSACTION_NOT_COMMITTED'
  | 'TRANSACTION_OUTCOME_UNKNOWN'
  | 'TRANSACTION_ROLLED_BACK'
  | 'TRANSACTION_UNUSABLE'
  // the database
  | 'CLOCK_SKEW'
  | 'DATABASE_CHANGED'
  | 'DATABASE_DUPLICATE'
  | 'DATABASE_INVALID'
  | 'DATABASE_NOT_REGISTERED'
  | 'DATABASE_UNREACHABLE'
  | 'SCHEMA_MISSING'
  | 'SCHEMA_NEWER'
  | 'SCHEMA_OLDER'
  | 'TENANT_UNRESOLVED'
  // the transaction manager
  | 'CALLBACK_UNREACHABLE'
  | 'SUBMIT_DEFERRED'
  | 'TM_REFUSED'
  | 'TM_UNREACHABLE'
  // the engine
  | 'ALREADY_STARTED'
  | 'CLOSED'
  | 'LEASE_LOST'
  | 'NOT_SUPPORTED'
  | 'OPTIONS_INVALID'

export interface SteppingErrorOptions {
  cause?: unknown
  gid?: string
  /** For `STEP_RETRY`: when the next attempt is wanted. */
  retryAfterMs?: number
}

/** The one error class: `code` says which case, the message what was found and what to do next. */
export class SteppingError extends Error {
  override readonly name: string = 'SteppingError'
  readonly code: SteppingErrorCode
  declare readonly gid?: string
  declare readonly retryAfterMs?: number

  constructor(code: SteppingErrorCode, message: string, options: SteppingErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    if (options.gid !== undefined) this.gid = options.gid
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
  }
}

/**
 * Whether `error` is this library's error with this code (any code when none is given). Works
 * across installed copies of core, where `instanceof` does not.
 */
export function isSteppingError(error: unknown, code?: SteppingErrorCode): error is SteppingError {
  return (
    error instanceof Error &&
    error.name === 'SteppingError' &&
    'code' in error &&
    (code === undefined || error.code === code)
  )
}
