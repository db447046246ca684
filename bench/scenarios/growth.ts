import { secondsSince } from '../clock.ts'
import { beside } from '../scenario.ts'
import type { Measurement, Scenario } from '../scenario.ts'
import { assertLeft, Tally } from '../tally.ts'

const first = 20_000

/** How many wait, at which the page's curve has its points. */
export const waitingCounts = [20_000, 100_000, 300_000, 1_000_000] as const

/** How fast the first 20,000 jobs are done, by how many wait behind them. */
export const growth: Scenario = {
  name: 'growth',
  title: 'The first 20,000 jobs of so many that wait',
  unit: 'jobs/s with 1,000,000 waiting and with fewer, and the first of these to the last',
  rounds: 3,
  sides: beside('hand-written', 'stepping'),
  async measure(measurement) {
    await measurement.side.install(measurement.url)
    // The first time warms the process up, and is not told.
    await drainFirst(measurement, first, 0)
    const rates: [string, number][] = []
    for (const waiting of waitingCounts) {
      rates.unshift([waiting.toLocaleString('en'), await drainFirst(measurement, waiting, 0)])
    }
    return { ...Object.fromEntries(rates), ratio: rates[0]![1] / rates.at(-1)![1] }
  },
}

/** The same beside jobs that wait for a person. */
export const growthParked: Scenario = {
  name: 'growth-parked',
  title: '20,000 jobs beside 1,000,000 that are parked, and beside none',
  unit: 'jobs/s beside many, beside none, and their ratio',
  rounds: 3,
  sides: beside('stepping'),
  async measure(measurement) {
    await measurement.side.install(measurement.url)
    await drainFirst(measurement, first, 0)
    const none = await drainFirst(measurement, first, 0)
    const many = await drainFirst(measurement, first, 1_000_000)
    return { many, none, ratio: many / none }
  },
}

async function drainFirst(
  { side, url, jobs }: Measurement,
  waiting: number,
  parked: number,
): Promise<number> {
  await side.clear!(url)
  if (parked > 0) {
    await side.fill!(url, jobs(parked), 1)
    await side.park!(url)
  }
  const [count, all] = [jobs(first), jobs(waiting)]
  await side.fill!(url, all, 1)
  const tally = new Tally(all, 1, count)
  const from = performance.now()
  const open = await side.open(url, { connections: 10, steps: 1, run: tally.run })
  await tally.done
  const seconds = secondsSince(from)
  await open.close()
  tally.assertAtMostOnce()
  await assertLeft(url, side, all - tally.count)
  return count / seconds
}
