/** Seconds since `from`, as `performance.now()` gave it. */
export function secondsSince(from: number): number {
  return (performance.now() - from) / 1000
}

/** In milliseconds, the same in all processes of this machine. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}
