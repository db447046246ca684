import type { Run, Side } from './side.ts'

/** Counts each step of each job, and tells when all are done. */
export class Tally {
  readonly times: Uint8Array
  readonly #steps: number
  #count = 0
  readonly #awaited = new Map<number, () => void>()
  readonly done: Promise<void>

  /** @param first How many steps have to be done until `done` resolves. Default: all. */
  constructor(jobs: number, steps = 1, first: number = jobs * steps) {
    this.times = new Uint8Array(jobs * steps)
    this.#steps = steps
    this.done = this.reached(first)
  }

  /** How many steps were done. */
  get count(): number {
    return this.#count
  }

  /** Resolves when so many steps are done. */
  async reached(count: number): Promise<void> {
    if (this.#count < count) await new Promise<void>((resolve) => this.#awaited.set(count, resolve))
  }

  readonly run: Run = (job, step) => {
    const at = job * this.#steps + step
    if (step > 0 && this.times[at - 1] === 0) throw new Error(`Step ${step} of ${job} came early.`)
    this.times[at]!++
    this.#awaited.get(++this.#count)?.()
  }

  assertEachOnce(): void {
    assertEachOnce([this.times])
  }

  assertAtMostOnce(): void {
    const twice = this.times.findIndex((times) => times > 1)
    if (twice !== -1) throw new Error(`Step ${twice} was done ${this.times[twice]} times.`)
  }
}

/** @throws if a step was not done exactly once by all these processes together. */
export function assertEachOnce(processes: readonly Uint8Array[]): void {
  const bad = processes[0]!.findIndex((_, at) => sum(processes.map((times) => times[at]!)) !== 1)
  if (bad === -1) return
  throw new Error(`Step ${bad} was done ${sum(processes.map((times) => times[bad]!))} times.`)
}

/** Waits until the database has no job that is left to do. */
export async function assertNoneLeft(url: string, side: Side): Promise<void> {
  await assertLeft(url, side, 0)
}

export async function assertLeft(url: string, { probe }: Side, jobs: number): Promise<void> {
  await assertCount(() => probe.left(url), jobs, 'jobs left')
}

export async function assertBusinessRows(
  url: string,
  { probe }: Side,
  jobs: number,
): Promise<void> {
  await assertCount(() => probe.business(url), jobs, 'business rows')
}

/** Completions are written after the step, in batches: so it is looked at for ten seconds. */
async function assertCount(
  count: () => Promise<number>,
  expected: number,
  what: string,
): Promise<void> {
  const until = Date.now() + 10_000
  for (;;) {
    const found = await count()
    if (found === expected) return
    if (Date.now() > until) throw new Error(`${found} ${what} instead of ${expected}.`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
