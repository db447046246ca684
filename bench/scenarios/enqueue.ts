import { secondsSince } from '../clock.ts'
import { inParallel } from '../in-parallel.ts'
import type { Scenario } from '../scenario.ts'
import { assertBusinessRows, assertCount } from '../tally.ts'

/** One transaction for each job, over this many connections. */
export function enqueue(connections: number, count: number): Scenario {
  return {
    name: connections === 1 ? 'enqueue-1' : 'enqueue',
    title: `Enqueue in a transaction (a business row and a job), ${connections} connection${connections === 1 ? '' : 's'}`,
    unit: 'transactions/s',
    baseline: 'hand-written',
    sides: [
      'hand-written',
      'hand-written-pipeline',
      'stepping',
      'stepping-pipeline',
      'hand-written-drizzle',
      'stepping-drizzle',
      'hand-written-sequelize',
      'stepping-sequelize',
      'graphile-worker',
      'pg-boss',
      'dbos',
    ],
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
      await assertBusinessRows(url, warmUp + total)
      await assertCount(url, side.left, warmUp + total, 'waiting jobs')
      return { 'transactions/s': total / seconds }
    },
  }
}
