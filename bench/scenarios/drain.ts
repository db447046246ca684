import { secondsSince } from '../clock.ts'
import type { Scenario, Sides } from '../scenario.ts'
import { assertLeft, assertNoneLeft, Tally } from '../tally.ts'

export interface Drained {
  readonly name: string
  readonly title: string
  readonly count: number
  readonly steps: number
  readonly rounds?: number
}

/** Jobs that another process has left: how fast one process does them. */
export function drain({ count, steps, ...rest }: Drained, sides: Sides): Scenario {
  return {
    ...rest,
    unit: 'jobs/s',
    sides,
    async measure({ side, url, jobs }) {
      const total = jobs(count)
      await side.install(url)
      await side.fill!(url, total, steps)
      await assertLeft(url, side, total)
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
