import { secondsSince } from '../clock.ts'
import type { Measurement, Scenario } from '../scenario.ts'
import { assertCount, Tally } from '../tally.ts'

/** How fast the first 20,000 jobs are done, by how many wait behind them. */
export const growth: Scenario = {
  name: 'growth',
  title: 'The first 20,000 jobs of 1,000,000 that wait, beside 20,000 of 20,000',
  unit: 'jobs/s of many, of few, and their ratio',
  baseline: 'hand-written',
  rounds: 3,
  sides: ['hand-written', 'stepping'],
  async measure(measurement) {
    await measurement.side.install(measurement.url)
    const first = measurement.jobs(20_000)
    const few = await drainFirst(measurement, first, first)
    const many = await drainFirst(measurement, first, measurement.jobs(1_000_000))
    return { many, few, 'many/few': many / few }
  },
}

async function drainFirst(
  { side, url }: Measurement,
  first: number,
  waiting: number,
): Promise<number> {
  await side.fill(url, waiting, 1)
  const tally = new Tally(waiting, 1, first)
  const from = performance.now()
  const open = await side.open(url, { connections: 10, steps: 1, run: tally.run })
  await tally.done
  const seconds = secondsSince(from)
  await open.close()
  tally.assertAtMostOnce()
  await assertCount(url, side.left, waiting - tally.count, 'waiting jobs')
  return first / seconds
}
