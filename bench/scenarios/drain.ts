import { secondsSince } from '../clock.ts'
import type { Scenario } from '../scenario.ts'
import { assertCount, assertNoneLeft, Tally } from '../tally.ts'

/** Jobs that another process has left: how fast one process does them. */
export function drain(name: string, count: number, steps: number, rounds?: number): Scenario {
  return {
    name,
    title:
      steps === 1
        ? `Drain ${count.toLocaleString('en')} waiting jobs, one process`
        : `${steps} steps a job, each durable before the next`,
    unit: 'jobs/s',
    baseline: 'hand-written',
    ...(rounds && { rounds }),
    sides: ['hand-written', 'stepping', 'graphile-worker', 'pg-boss', 'dbos', 'openworkflow'],
    async measure({ side, url, jobs }) {
      const total = jobs(count)
      await side.install(url)
      await side.fill(url, total, steps)
      await assertCount(url, side.left, total, 'waiting jobs')
      const tally = new Tally(total, steps)
      const from = performance.now()
      const open = await side.open(url, { connections: 10, steps, run: tally.run })
      await tally.done
      const seconds = secondsSince(from)
      await assertNoneLeft(url, side)
      await open.close()
      tally.assertEachOnce()
      return { 'jobs/s': total / seconds }
    },
  }
}
