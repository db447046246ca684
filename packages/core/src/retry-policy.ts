/** How long a step waits between attempts. Each step may have its own; a success starts afresh. */
export interface Backoff {
  /** The wait after the first failed attempt, before jitter. Default 1,000. */
  readonly firstMs?: number
  /** Each further failed attempt multiplies the wait by this. Default 2. */
  readonly factor?: number
  /** The longest wait, before jitter. Default 300,000 (5 minutes). */
  readonly capMs?: number
}

/**
 * The wait before the next attempt, after `attempt` failed ones (1 or more): exponential, capped,
 * then spread by a fifth to each side so that jobs that failed together do not return together.
 */
export function retryDelayMs(
  attempt: number,
  backoff: Backoff = {},
  random: () => number = Math.random,
): number {
  const { firstMs = 1_000, factor = 2, capMs = 300_000 } = backoff
  // The exponent is bounded because 2 ** 1100 is Infinity, and Infinity * 0 is NaN.
  const wait = Math.min(capMs, firstMs * factor ** Math.min(attempt - 1, 60))
  return Math.round(wait * (0.8 + 0.4 * random()))
}
