import { setTimeout as delay } from 'node:timers/promises'
import { now } from '../clock.ts'
import { beside } from '../scenario.ts'
import type { Figures, Scenario, Sides } from '../scenario.ts'
import type { OpenSide } from '../side.ts'
import { percentile } from '../statistics.ts'
import { assertNoneLeft } from '../tally.ts'
import { forkWorker } from '../worker-process.ts'
import { Background } from './background.ts'
import { Starts } from './starts.ts'

export interface Latency {
  readonly name: string
  readonly title: string
  /** Executed by another process. */
  readonly across: boolean
  /** Jobs a second that are added beside those that are looked at. */
  readonly load: number
}

const sides: Sides = beside(
  'hand-written-listen',
  'stepping',
  'graphile-worker',
  'pg-boss-notify',
  'dbos',
  'bullmq',
)

/** From the call that enqueues to the start of the step. */
export function latency({ name, title, across, load }: Latency): Scenario {
  return {
    name,
    title,
    unit: 'ms',
    ...(load > 0 && { rounds: 2 }),
    sides,
    async measure({ side, url, jobs }) {
      await side.install(url)
      const starts = new Starts()
      const order = { side: side.name, url, jobs: 0, tell: true }
      const worker = across ? await forkWorker(order) : undefined
      if (worker) worker.onStarted = (job, at) => starts.started(job, at)
      await worker?.open()
      const run = (job: number): void => starts.started(job, now())
      const options = { connections: 10, steps: 1, ...(!across && { run }) }
      const open = await side.open(url, options)
      const background = new Background(open, load)
      const figures = await sample(open, starts, jobs(100))
      await starts.all(await background.stop())
      await assertNoneLeft(url, side)
      await open.close()
      await worker?.stop()
      return figures
    },
  }
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
