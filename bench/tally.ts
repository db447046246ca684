import { Client } from 'pg'
import type { Run, Side } from './side.ts'

/** Counts each step of each job, and tells when all are done. */
export class Tally {
  readonly times: Uint8Array
  readonly #steps: number
  #left: number
  #done!: () => void
  readonly done: Promise<void> = new Promise((resolve) => (this.#done = resolve))

  /** @param first How many steps have to be done until `done` resolves. Default: all. */
  constructor(jobs: number, steps = 1, first: number = jobs * steps) {
    this.times = new Uint8Array(jobs * steps)
    this.#steps = steps
    this.#left = first
  }

  get count(): number {
    return this.times.reduce((count, times) => count + times, 0)
  }

  readonly run: Run = (job, step) => {
    const at = job * this.#steps + step
    if (step > 0 && this.times[at - 1] === 0) throw new Error(`Step ${step} of ${job} came early.`)
    this.times[at]!++
    if (--this.#left === 0) this.#done()
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

/** Waits, on a connection of no library, until the database has no job that is left to do. */
export async function assertNoneLeft(url: string, side: Side): Promise<void> {
  await assertCount(url, side.left, 0, 'jobs left')
}

export async function assertBusinessRows(url: string, jobs: number): Promise<void> {
  await assertCount(url, 'select count(distinct job) as left from business', jobs, 'business rows')
}

/** Completions are written after the step, in batches: so it is looked at for ten seconds. */
export async function assertCount(
  url: string,
  query: string,
  expected: number,
  what: string,
): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const until = Date.now() + 10_000
    for (;;) {
      const { rows } = await client.query<{ left: string }>(query)
      const found = Number(rows[0]!.left)
      if (found === expected) return
      if (Date.now() > until) throw new Error(`${found} ${what} instead of ${expected}.`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } finally {
    await client.end()
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
