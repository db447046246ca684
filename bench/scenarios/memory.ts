import { beside } from '../scenario.ts'
import type { Scenario } from '../scenario.ts'
import { assertEachOnce, assertNoneLeft } from '../tally.ts'
import { forkWorker } from '../worker-process.ts'

/** The process that drains has not added the jobs. */
export const memory: Scenario = {
  name: 'memory',
  title: 'Most memory of a process that drains 100,000 waiting jobs',
  unit: 'MB resident',
  rounds: 1,
  sides: beside('hand-written', 'stepping', 'graphile-worker', 'pg-boss'),
  async measure({ side, url, jobs }) {
    const total = jobs(100_000)
    await side.install(url)
    await side.fill!(url, total, 1)
    const worker = await forkWorker({ side: side.name, url, jobs: total })
    const done = Promise.withResolvers<void>()
    worker.onDone = (count) => void (count > total - 100 && done.resolve())
    await worker.open()
    await done.promise
    await assertNoneLeft(url, side)
    const { times, peakMb } = await worker.stop()
    assertEachOnce([times])
    return { MB: peakMb }
  },
}
