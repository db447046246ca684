import type { Machine } from './machine.ts'

export interface Happening {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
  /** Where it happens; without one in a server, which neither sleeps nor dies. */
  readonly machine: Machine | undefined
  isCancelled: boolean
}

/** More than any schedule needs: one that gets here turns in a circle. */
const mostHappenings = 400_000

/**
 * Virtual time. One thing happens after another, each in one machine (or in a server), and what it
 * sets free in promises runs to its end before the next: so code between two awaits for the
 * outside is never divided, as in a real process.
 */
export class Scheduler {
  /** The machine whose code runs now. */
  running: Machine | undefined
  #nowMs = 0
  #order = 0
  #happened = 0
  /** A binary heap, the next one first. */
  readonly #queue: Happening[] = []

  get nowMs(): number {
    return this.#nowMs
  }

  get hasRunAway(): boolean {
    return this.#happened > mostHappenings
  }

  after(ms: number, run: () => void, machine?: Machine): Happening {
    const happening: Happening = {
      atMs: this.#nowMs + Math.max(0, ms),
      order: this.#order++,
      run,
      machine,
      isCancelled: false,
    }
    this.#push(happening)
    return happening
  }

  /** Nothing happens meanwhile: only for a time in which no machine lives. */
  leap(ms: number): void {
    this.#nowMs += ms
  }

  /** Lets things happen until `isOver`, which is asked before each, or nothing is left to. */
  async run(isOver: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        this.running = undefined
        try {
          const next = isOver() || this.hasRunAway ? undefined : this.#pop()
          if (!next) return resolve()
          this.#happened++
          this.#nowMs = Math.max(this.#nowMs, next.atMs)
          this.#happen(next)
        } catch (error) {
          return reject(error)
        }
        // Ticks wait until no microtask is left, also none that microtasks add.
        queueMicrotask(() => process.nextTick(turn))
      }
      process.nextTick(turn)
    })
  }

  #happen({ machine, run }: Happening): void {
    if (machine && !machine.isAlive) return
    if (machine && machine.frozenUntilMs > this.#nowMs) {
      this.after(machine.frozenUntilMs - this.#nowMs, run, machine)
      return
    }
    this.running = machine
    run()
  }

  #push(happening: Happening): void {
    const queue = this.#queue
    let at = queue.push(happening) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(happening, queue[parent]!)) break
      queue[at] = queue[parent]!
      at = parent
    }
    queue[at] = happening
  }

  #pop(): Happening | undefined {
    for (;;) {
      const first = this.#popAny()
      if (!first?.isCancelled) return first
    }
  }

  #popAny(): Happening | undefined {
    const queue = this.#queue
    const first = queue[0]
    const last = queue.pop()
    if (!last || queue.length === 0) return first
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      if (left >= queue.length) break
      const right = left + 1
      const child = right < queue.length && isBefore(queue[right]!, queue[left]!) ? right : left
      if (!isBefore(queue[child]!, last)) break
      queue[at] = queue[child]!
      at = child
    }
    queue[at] = last
    return first
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
