import { secondsSince } from '../clock.ts'
import { inParallel } from '../in-parallel.ts'
import type { Scenario, Sides } from '../scenario.ts'
import { assertBusinessRows, assertNoneLeft, Tally } from '../tally.ts'
import { warmUp, warmUpJobs } from '../warm-up.ts'

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
      const [warming, tally] = [new Tally(jobs(warmUpJobs)), new Tally(total)]
      let before = Infinity
      const run = (job: number, step: number) =>
        job < before ? warming.run(job, step) : tally.run(job - before, step)
      const open = await side.open(url, { connections: 10, steps: 1, run })
      before = await warmUp(10, jobs(warmUpJobs), (job) => open.enqueue(job))
      await warming.reached(before)
      const from = performance.now()
      await inParallel(10, before, before + total, (job) => open.enqueue(job))
      await tally.done
      const seconds = secondsSince(from)
      await assertNoneLeft(url, side)
      await open.close()
      await assertBusinessRows(url, side, before + total)
      tally.assertEachOnce()
      return { 'jobs/s': total / seconds }
    },
  }
}
