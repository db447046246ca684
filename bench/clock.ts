/** Seconds since `from`, as `performance.now()` gave it. */
export function secondsSince(from: number): number {
  return (performance.now() - from) / 1000
}
