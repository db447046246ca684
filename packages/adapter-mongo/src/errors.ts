/** The server's code in a driver's error, also where a library wrapped it. */
export function errorCode(error: unknown): number | undefined {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; depth++) {
    const { code } = each as { code?: unknown }
    if (typeof code === 'number') return code
    each = each.cause
  }
  return undefined
}

export function hasLabel(error: unknown, label: ErrorLabel): boolean {
  const { errorLabels } = (error ?? {}) as { errorLabels?: unknown }
  return Array.isArray(errorLabels) && errorLabels.includes(label)
}

/** What the driver and the server say of an error in a transaction. */
export type ErrorLabel =
  /** The transaction is undone; all of it may be tried again. */
  | 'TransientTransactionError'
  /** It may have committed. */
  | 'UnknownTransactionCommitResult'

/**
 * 112 write conflict, 251 no such transaction, 24 lock timeout, 11000 duplicate key, 50 time limit,
 * 64 not replicated in time.
 */
export function isUndecided(error: unknown): boolean {
  return [112, 251, 24, 11000, 50, 64].includes(errorCode(error) ?? 0)
}

/** 121: the document does not fit the collection's validator. */
export function isInvalidDocument(error: unknown): boolean {
  return errorCode(error) === 121
}

/** 241: a conversion failed, by which our statements refuse what comes too late. */
export function isTooLate(error: unknown): boolean {
  return errorCode(error) === 241
}

/**
 * The server went away or is not the primary any more, so another try may get through: 6, 7 and 89
 * (network), 91 and 11600 (shutting down), 189, 10107, 11602, 13435 and 13436 (an election), 9001.
 */
export function isInterrupted(error: unknown): boolean {
  const code = errorCode(error)
  if (code !== undefined) {
    return [6, 7, 89, 91, 189, 9001, 10107, 11600, 11602, 13435, 13436].includes(code)
  }
  return (
    error instanceof Error &&
    /^(MongoNetwork|MongoServerClosed|(Mongo)?PoolCleared)/.test(error.name)
  )
}

/** The same, and a server that is not there, a refused login (18, 8000), a client that is closed. */
export function isUnreachable(error: unknown): boolean {
  if (isInterrupted(error) || [18, 8000].includes(errorCode(error) ?? 0)) return true
  return (
    error instanceof Error &&
    /^Mongo(ServerSelection|TopologyClosed|NotConnected|ClientClosed|PoolClosed|WaitQueueTimeout)/.test(
      error.name,
    )
  )
}
