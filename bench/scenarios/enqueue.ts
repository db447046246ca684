import { secondsSince } from '../clock.ts'
import { inParallel } from '../in-parallel.ts'
import type { Scenario, Sides } from '../scenario.ts'
import { assertBusinessRows, assertLeft } from '../tally.ts'

export interface Enqueued {
  readonly name: string
  readonly title: string
  readonly connections: number
  readonly count: number
  /** InnoDB takes long over the first megabyte of a table, which it adds page by page. */
  readonly warmUp?: number
}

/** One transaction for each job, over this many connections. */
export function enqueue(
  { connections, count, warmUp = 100, ...rest }: Enqueued,
  sides: Sides,
): Scenario {
  return {
    ...rest,
    unit: 'transactions/s',
    sides,
    async measure({ side, url, jobs }) {
      const total = jobs(count)
      await side.install(url)
      const open = await side.open(url, { connections, steps: 1 })
      await inParallel(connections, 0, warmUp, (job) => open.enqueue(job))
      const from = performance.now()
      await inParallel(connections, warmUp, warmUp + total, (job) => open.enqueue(job))
      const seconds = secondsSince(from)
      await open.close()
      await assertBusinessRows(url, side, warmUp + total)
      await assertLeft(url, side, warmUp + total)
      return { 'transactions/s': total / seconds }
    },
  }
}
