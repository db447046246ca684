import { secondsSince } from '../clock.ts'
import { inParallel } from '../in-parallel.ts'
import type { Scenario, Sides } from '../scenario.ts'
import { assertBusinessRows, assertLeft } from '../tally.ts'
import { warmUp, warmUpJobs } from '../warm-up.ts'

export interface Enqueued {
  readonly name: string
  readonly title: string
  readonly connections: number
  readonly count: number
}

/** One transaction for each job, over this many connections. */
export function enqueue({ connections, count, ...rest }: Enqueued, sides: Sides): Scenario {
  return {
    ...rest,
    unit: 'transactions/s',
    sides,
    async measure({ side, url, jobs }) {
      const total = jobs(count)
      await side.install(url)
      const open = await side.open(url, { connections, steps: 1 })
      const before = await warmUp(connections, jobs(warmUpJobs), (job) => open.enqueue(job))
      const from = performance.now()
      await inParallel(connections, before, before + total, (job) => open.enqueue(job))
      const seconds = secondsSince(from)
      await open.close()
      await assertBusinessRows(url, side, before + total)
      await assertLeft(url, side, before + total)
      return { 'transactions/s': total / seconds }
    },
  }
}
