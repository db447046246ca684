/** Makes a fake fail or wait at named points, one time each. */
export class Faults<Point extends string> {
  readonly #next = new Map<Point, () => Promise<void>>()

  /** The next one to reach `point` is refused with `error`. */
  failNext(point: Point, error: unknown): void {
    this.#next.set(point, async () => {
      throw error
    })
  }

  /** The next one to reach `point` waits there until it is let go. */
  holdNext(point: Point): { readonly reached: Promise<void>; readonly letGo: () => void } {
    const reached = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    this.#next.set(point, async () => {
      reached.resolve()
      await gone.promise
    })
    return { reached: reached.promise, letGo: () => gone.resolve() }
  }

  async reach(point: Point): Promise<void> {
    const next = this.#next.get(point)
    this.#next.delete(point)
    await next?.()
  }
}
