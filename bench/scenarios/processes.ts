import { secondsSince } from '../clock.ts'
import { beside } from '../scenario.ts'
import type { Scenario } from '../scenario.ts'
import type { Side } from '../side.ts'
import { assertEachOnce, assertNoneLeft } from '../tally.ts'
import { forkWorker } from '../worker-process.ts'

/** With which the page's curve has its points. */
export const processCounts = { one: 1, two: 2, three: 3, four: 4 } as const

/** Steps that wait for 5 ms, as many call somebody, 50 at once in each process. */
export const processes: Scenario = {
  name: 'processes',
  title: 'Drain with several processes, steps that wait for 5 ms, 50 at once in each',
  unit: 'jobs/s with two processes, with one, three and four, and how much faster two are than one',
  sides: beside('graphile-worker', 'stepping'),
  rounds: 3,
  async measure({ side, url, jobs }) {
    await side.install(url)
    const rates: Record<string, number> = {}
    for (const [name, count] of Object.entries(processCounts)) {
      rates[name] = await drainWith(count, side, url, jobs(10_000))
    }
    const { two, ...others } = rates
    return { two: two!, ...others, 'two/one': two! / others['one']! }
  },
}

async function drainWith(count: number, side: Side, url: string, jobs: number): Promise<number> {
  const order = { side: side.name, url, jobs, waitMs: 5, concurrency: 50 }
  await side.fill!(url, jobs, 1)
  const workers = await Promise.all(Array.from({ length: count }, () => forkWorker(order)))
  const counts = workers.map(() => 0)
  const allDone = Promise.withResolvers<void>()
  // Each tells of every hundredth: fewer than that may be left with each.
  const told = Math.max(0, jobs - 100 * count)
  workers.forEach((worker, at) => {
    worker.onDone = (done) => {
      counts[at] = done
      if (counts.reduce((a, b) => a + b) > told) allDone.resolve()
    }
  })
  const from = performance.now()
  for (const worker of workers) void worker.open()
  await allDone.promise
  const seconds = secondsSince(from)
  await assertNoneLeft(url, side)
  const ended = await Promise.all(workers.map((worker) => worker.stop()))
  assertEachOnce(ended.map(({ times }) => times))
  return told / seconds
}
