import { secondsSince } from '../clock.ts'
import type { Scenario } from '../scenario.ts'
import type { Side } from '../side.ts'
import { assertEachOnce, assertNoneLeft } from '../tally.ts'
import { forkWorker } from '../worker-process.ts'

/** Steps that wait for 5 ms, as many call somebody, 50 at once in each process. */
export const twoProcesses: Scenario = {
  name: 'two-processes',
  title: 'Drain with two processes, steps of 5 ms, 50 at once in each',
  unit: 'jobs/s with two processes, with one, and how much faster two are',
  baseline: 'graphile-worker',
  sides: ['stepping', 'graphile-worker'],
  async measure({ side, url, jobs }) {
    await side.install(url)
    const one = await drainWith(1, side, url, jobs(10_000))
    const two = await drainWith(2, side, url, jobs(10_000))
    return { two, one, 'two/one': two / one }
  },
}

async function drainWith(
  processes: number,
  side: Side,
  url: string,
  jobs: number,
): Promise<number> {
  const order = { side: side.name, url, jobs, waitMs: 5, concurrency: 50 }
  await side.fill(url, jobs, 1)
  const workers = await Promise.all(Array.from({ length: processes }, () => forkWorker(order)))
  const counts = workers.map(() => 0)
  const allDone = Promise.withResolvers<void>()
  workers.forEach((worker, at) => {
    worker.onDone = (count) => {
      counts[at] = count
      if (counts.reduce((a, b) => a + b) > jobs - 100 * processes) allDone.resolve()
    }
  })
  const from = performance.now()
  for (const worker of workers) void worker.open()
  await allDone.promise
  const seconds = secondsSince(from)
  await assertNoneLeft(url, side)
  const ended = await Promise.all(workers.map((worker) => worker.stop()))
  assertEachOnce(ended.map(({ times }) => times))
  return (jobs - 100 * processes) / seconds
}
