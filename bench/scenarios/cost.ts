import { inParallel } from '../in-parallel.ts'
import { roundTrips } from '../round-trips.ts'
import type { Figures, Measurement, Scenario } from '../scenario.ts'
import { assertBusinessRows, assertLeft, assertNoneLeft, Tally } from '../tally.ts'

const titles = {
  add: 'What it costs to add a job, its transaction with the business row included',
  run: 'What it costs to add a job and run it in the same process',
  drain: 'What it costs to run a job, with 5,000 waiting',
} as const

/** Counted, not timed: how busy the machine is makes no difference. */
export function cost(work: keyof typeof titles, sides: readonly string[]): Scenario {
  return {
    name: `cost-${work}`,
    title: titles[work],
    unit: 'for each job, as the server counts: statements, round trips, bytes of its log',
    rounds: 1,
    sides: Object.fromEntries(sides.map((name) => [name, ''])),
    async measure(measurement) {
      await measurement.side.install(measurement.url)
      return await costs[work](measurement, 5_000)
    },
  }
}

const costs = {
  async add({ side, url }, total) {
    const counted = await count({ side, url }, total)
    const open = await side.open(url, { connections: 10, steps: 1 })
    await inParallel(10, 0, total, (job) => open.enqueue(job))
    await open.close()
    const figures = await counted()
    await assertBusinessRows(url, side, total)
    await assertLeft(url, side, total)
    return figures
  },
  async run({ side, url }, total) {
    const tally = new Tally(total)
    const counted = await count({ side, url }, total)
    const open = await side.open(url, { connections: 10, steps: 1, run: tally.run })
    await inParallel(10, 0, total, (job) => open.enqueue(job))
    await tally.done
    await open.close()
    const figures = await counted()
    await assertNoneLeft(url, side)
    tally.assertEachOnce()
    return figures
  },
  async drain({ side, url }, total) {
    await side.fill!(url, total, 1)
    const tally = new Tally(total)
    const counted = await count({ side, url }, total)
    const open = await side.open(url, { connections: 10, steps: 1, run: tally.run })
    await tally.done
    await open.close()
    const figures = await counted()
    await assertNoneLeft(url, side)
    tally.assertEachOnce()
    return figures
  },
} satisfies Record<string, (measurement: Measurement, total: number) => Promise<Figures>>

async function count({ side, url }: Pick<Measurement, 'side' | 'url'>, jobs: number) {
  const read = await side.probe.meter!(url)
  const before = await read()
  const tripsBefore = roundTrips()
  return async (): Promise<Figures> => {
    const trips = roundTrips() - tripsBefore
    const after = await read()
    const each = (name: 'statements' | 'bytes'): Figures => {
      const [from, to] = [before[name], after[name]]
      return from === undefined || to === undefined ? {} : { [name]: (to - from) / jobs }
    }
    return { ...each('statements'), 'round trips': trips / jobs, ...each('bytes') }
  }
}
