import { secondsSince } from '../clock.ts'
import { inParallel } from '../in-parallel.ts'
import type { Scenario, Sides } from '../scenario.ts'
import { assertBusinessRows, assertNoneLeft, Tally } from '../tally.ts'

/** Jobs that one process adds, in transactions, and executes. */
export function sustained(name: string, title: string, count: number, sides: Sides): Scenario {
  return {
    name,
    title,
    unit: 'jobs/s',
    sides,
    async measure({ side, url, jobs }) {
      const total = jobs(count)
      await side.install(url)
      const tally = new Tally(total)
      const open = await side.open(url, { connections: 10, steps: 1, run: tally.run })
      const from = performance.now()
      await inParallel(10, 0, total, (job) => open.enqueue(job))
      await tally.done
      const seconds = secondsSince(from)
      await assertNoneLeft(url, side)
      await open.close()
      await assertBusinessRows(url, side, total)
      tally.assertEachOnce()
      return { 'jobs/s': total / seconds }
    },
  }
}
