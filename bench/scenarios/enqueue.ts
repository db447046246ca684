import { secondsSince } from '../clock.ts'
import { inParallel } from '../in-parallel.ts'
import type { Scenario, Sides } from '../scenario.ts'
import { assertBusinessRows, assertLeft } from '../tally.ts'

/** One transaction for each job, over this many connections. */
export function enqueue(
  name: string,
  where: string,
  connections: number,
  count: number,
  sides: Sides,
): Scenario {
  return {
    name,
    title: `Enqueue in a transaction (a business row and a job)${where}, ${connections} connection${connections === 1 ? '' : 's'}`,
    unit: 'transactions/s',
    sides,
    async measure({ side, url, jobs }) {
      const warmUp = 100
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
