import { setTimeout as delay } from 'node:timers/promises'
import { now } from '../clock.ts'
import type { Figures, Scenario } from '../scenario.ts'
import type { OpenSide } from '../side.ts'
import { percentile } from '../statistics.ts'
import { assertNoneLeft } from '../tally.ts'
import { forkWorker } from '../worker-process.ts'

const shared = {
  unit: 'ms',
  baseline: 'hand-written-listen',
  sides: ['hand-written-listen', 'stepping', 'graphile-worker', 'pg-boss-notify', 'dbos'],
} as const

export const latency: Scenario = {
  ...shared,
  name: 'latency',
  title: 'From the call that enqueues to the start of the step, idle, same process',
  async measure({ side, url, jobs }) {
    await side.install(url)
    const starts = new Starts()
    const run = (job: number): void => starts.started(job, now())
    const open = await side.open(url, { connections: 10, steps: 1, run })
    const figures = await sample(open, starts, jobs(100))
    await assertNoneLeft(url, side)
    await open.close()
    return figures
  },
}

export const latencyAcross: Scenario = {
  ...shared,
  name: 'latency-across',
  title: 'The same, executed by another process',
  async measure({ side, url, jobs }) {
    await side.install(url)
    const starts = new Starts()
    const worker = await forkWorker({ side: side.name, url, jobs: 0, tell: true })
    await worker.open()
    worker.onStarted = (job, at) => starts.started(job, at)
    const open = await side.open(url, { connections: 10, steps: 1 })
    const figures = await sample(open, starts, jobs(100))
    await assertNoneLeft(url, side)
    await open.close()
    await worker.stop()
    return figures
  },
}

/** Jobs one at a time, at intervals that hit no timer's beat. */
async function sample(open: OpenSide, starts: Starts, count: number): Promise<Figures> {
  const warmUp = 5
  const taken: number[] = []
  for (let job = 0; job < warmUp + count; job++) {
    await delay(10 + Math.random() * 40)
    const from = now()
    const started = starts.wait(job)
    await open.enqueue(job)
    const ms = (await started) - from
    if (job >= warmUp) taken.push(ms)
  }
  return { p50: percentile(taken, 50), p95: percentile(taken, 95), p99: percentile(taken, 99) }
}

class Starts {
  readonly #seen = new Set<number>()
  #awaited: { job: number; resolve: (at: number) => void } | undefined

  wait(job: number): Promise<number> {
    return new Promise((resolve) => (this.#awaited = { job, resolve }))
  }

  /** @throws if a job begins twice, or one that nobody waits for. */
  started(job: number, at: number): void {
    if (this.#seen.has(job) || this.#awaited?.job !== job)
      throw new Error(`Job ${job} began twice.`)
    this.#seen.add(job)
    this.#awaited.resolve(at)
  }
}
