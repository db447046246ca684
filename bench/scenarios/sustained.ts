import { secondsSince } from '../clock.ts'
import { inParallel } from '../in-parallel.ts'
import type { Scenario } from '../scenario.ts'
import { assertBusinessRows, assertNoneLeft, Tally } from '../tally.ts'

/** Jobs that one process adds, in transactions, and executes. */
export const sustained: Scenario = {
  name: 'sustained',
  title: 'Enqueue in transactions and execute at once, one process, 10 connections',
  unit: 'jobs/s',
  baseline: 'hand-written',
  sides: ['hand-written', 'stepping', 'graphile-worker', 'pg-boss', 'pg-boss-notify', 'dbos'],
  async measure({ side, url, jobs }) {
    const total = jobs(4_000)
    await side.install(url)
    const tally = new Tally(total)
    const open = await side.open(url, { connections: 10, steps: 1, run: tally.run })
    const from = performance.now()
    await inParallel(10, 0, total, (job) => open.enqueue(job))
    await tally.done
    const seconds = secondsSince(from)
    await assertNoneLeft(url, side)
    await open.close()
    await assertBusinessRows(url, total)
    tally.assertEachOnce()
    return { 'jobs/s': total / seconds }
  },
}
