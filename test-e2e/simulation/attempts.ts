import type { JobView } from '@stepping/core'
import type { Machine } from './machine.ts'
import { stepTimeoutMs } from './steps.ts'
import type { StepArgs } from './steps.ts'

export interface Attempt {
  readonly gid: string
  readonly index: number
  readonly args: StepArgs
  readonly signal: AbortSignal
  readonly machine: Machine
  /** On its machine's clock. */
  readonly begunAtMs: number
  /** 1 for the first attempt of this step anywhere. */
  readonly run: number
  hasEnded: boolean
}

export interface AttemptRules {
  readonly fail: (text: string) => void
  readonly isCommitted: (gid: string) => boolean
  /** What the store says now. */
  readonly find: (gid: string) => Promise<JobView | null>
  /** Clocks keep to what the promise rests on. */
  readonly clocksAreGood: boolean
}

/** Every attempt of every step: when it may begin, and beside which others. */
export class Attempts {
  readonly #rules: AttemptRules
  readonly #all: Attempt[] = []
  readonly #completed = new Set<string>()
  /** Steps whose `once` has to have committed. */
  readonly onceDone = new Set<string>()
  readonly mayPark = new Set<string>()

  constructor(rules: AttemptRules) {
    this.#rules = rules
  }

  get count(): number {
    return this.#all.length
  }

  begin(begun: Omit<Attempt, 'run' | 'begunAtMs' | 'hasEnded'>): Attempt {
    const { gid, index, args, machine } = begun
    const { fail, isCommitted, find } = this.#rules
    const others = this.#all.filter((each) => each.gid === gid)
    const run = 1 + others.filter((each) => each.index === index).length
    const attempt = { ...begun, run, begunAtMs: machine.monotonicMs, hasEnded: false }
    const what = `step ${index} of ${gid} began in ${machine.name}`
    this.#all.push(attempt)
    if (args.gid !== gid || args.at !== index) {
      fail(`${what} with the args of step ${args.at} of ${args.gid}`)
    }
    if (others.some((each) => each.args.origin !== args.origin)) {
      fail(`${what} as a step of another job that was to have this gid`)
    }
    if (args.parks) this.mayPark.add(gid)
    if (!isCommitted(gid)) fail(`${what}, and its transaction is not committed`)
    const { clocksAreGood } = this.#rules
    const beside = others.find(
      (each) => isBesideInOne(attempt, each) || (clocksAreGood && isWithinLease(each)),
    )
    if (beside) fail(`${what} beside an attempt of step ${beside.index} in ${beside.machine.name}`)
    // Settled before anything else happens.
    void find(gid).then((row) => this.#checkRow(attempt, what, row))
    return attempt
  }

  complete({ gid, index, args }: Attempt): void {
    this.#completed.add(`${gid}/${index}`)
    if (args.once) this.onceDone.add(`${gid}/${index}`)
    if (args.once?.again) this.onceDone.add(`${gid}/${index}/again`)
  }

  end(attempt: Attempt): void {
    attempt.hasEnded = true
  }

  /** Some attempt of the job is within its lease. */
  isRunning(gid: string): boolean {
    return (
      this.#rules.clocksAreGood && this.#all.some((each) => each.gid === gid && isWithinLease(each))
    )
  }

  wasCompleted(gid: string, index: number): boolean {
    return this.#completed.has(`${gid}/${index}`)
  }

  #checkRow({ index }: Attempt, what: string, row: JobView | null): void {
    const { fail, clocksAreGood } = this.#rules
    const done = row?.steps.filter((step) => step.done).length ?? 0
    if (index > done && row) return fail(`${what}, and only ${done} steps are durable`)
    if (!clocksAreGood) return
    if (!row) return fail(`${what}, and the store has no such job`)
    if (row.state !== 'submitted') return fail(`${what}, and its job is ${row.state}`)
    if (index < done) return fail(`${what}, and ${done} steps are recorded as done`)
    if (!row.running) fail(`${what}, and nobody holds a lease`)
  }
}

/** A machine that stands still, or is dead, cannot be told that its time is up. */
function isWithinLease({ hasEnded, signal, machine }: Attempt): boolean {
  return !hasEnded && !signal.aborted && machine.isAlive && !machine.isFrozen
}

/** One process knows of its own attempts, and lets an old one end. A step that overran is given up. */
function isBesideInOne({ machine, begunAtMs }: Attempt, old: Attempt): boolean {
  return old.machine === machine && !old.hasEnded && begunAtMs - old.begunAtMs < stepTimeoutMs
}
