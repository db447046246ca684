/** Milliseconds that never jump, for deadlines inside this process. */
export function monotonicMs(): number {
  return performance.now()
}
