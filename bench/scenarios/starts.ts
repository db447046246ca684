/** Notes when jobs begin, and that none begins twice. */
export class Starts {
  readonly #at = new Map<number, number>()
  readonly #awaited = new Map<number, (at: number) => void>()

  wait(job: number): Promise<number> {
    return new Promise((resolve) => this.#awaited.set(job, resolve))
  }

  /** Resolves when each of these jobs has begun. */
  async all(jobs: readonly number[]): Promise<void> {
    await Promise.all(jobs.filter((job) => !this.#at.has(job)).map((job) => this.wait(job)))
  }

  /** @throws if a job begins twice. */
  started(job: number, at: number): void {
    if (this.#at.has(job)) throw new Error(`Job ${job} began twice.`)
    this.#at.set(job, at)
    this.#awaited.get(job)?.(at)
  }
}
