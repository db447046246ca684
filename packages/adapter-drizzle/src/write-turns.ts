/** Another process gets a chance after so long ... */
const turnsMs = 50
/** ... in a pause of this length, in which it will look (see `pollMs`). */
const pauseMs = 3
/** The longest between two looks whether a lock is free. */
const pollMs = 10

/**
 * SQLite has one write lock, no queue for it, and drivers that block the whole process while they
 * wait. So the writers of this process take turns here, first come first served, and the one whose
 * turn it is looks again and again whether another process has the lock.
 */
export class WriteTurns {
  readonly #isBusy: (error: unknown) => boolean
  readonly #waiting = new Set<() => void>()
  #taken = false
  #streakFrom = 0
  #endedAt = 0

  constructor(isBusy: (error: unknown) => boolean) {
    this.#isBusy = isBusy
  }

  /** Runs `work` when it is its turn. It has the same deadline for the lock; `locked` is thrown past it. */
  async take<R>(waitMs: number, work: (wait: WaitForLock) => Promise<R>): Promise<R> {
    const deadline = performance.now() + waitMs
    await this.#turn(waitMs)
    try {
      await this.#giveOthersAChance()
      return await work((attempt) => this.wait(deadline, attempt))
    } finally {
      this.#endedAt = performance.now()
      this.#taken = false
      const [next] = this.#waiting
      next?.()
    }
  }

  /** Makes the attempt again while it fails with SQLITE_BUSY. */
  async wait<R>(deadline: number, attempt: () => Promise<R>): Promise<R> {
    for (let delayMs = 1; ; delayMs = Math.min(2 * delayMs, pollMs)) {
      try {
        return await attempt()
      } catch (error) {
        if (!this.#isBusy(error)) throw error
        if (performance.now() + delayMs > deadline) throw new StillLocked(error)
      }
      await pause(delayMs * (0.5 + Math.random() / 2))
    }
  }

  async #turn(waitMs: number): Promise<void> {
    if (!this.#taken) {
      this.#taken = true
      return
    }
    await new Promise<void>((resolve, reject) => {
      const mine = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(mine)
        this.#taken = true
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(mine)
        reject(new StillLocked())
      }, waitMs)
      this.#waiting.add(mine)
    })
  }

  /** Between two turns the lock is free for a moment that no other process would ever hit. */
  async #giveOthersAChance(): Promise<void> {
    const now = performance.now()
    if (now - this.#endedAt > pauseMs) this.#streakFrom = now
    if (now - this.#streakFrom < turnsMs) return
    await pause(pauseMs)
    this.#streakFrom = performance.now()
  }
}

export type WaitForLock = <R>(attempt: () => Promise<R>) => Promise<R>

/** The lock did not become free in time. To dialects it is what a driver throws that has waited. */
export class StillLocked extends Error {
  readonly code = 'SQLITE_BUSY'

  constructor(cause?: unknown) {
    super('the write lock did not become free in time', { cause })
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}
