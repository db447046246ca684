import { secondsSince } from '../clock.ts'
import { inParallel } from '../in-parallel.ts'
import { beside } from '../scenario.ts'
import type { Scenario } from '../scenario.ts'
import { assertBusinessRows, assertNoneLeft, Tally } from '../tally.ts'

const parts = 10

/** What stays in memory is what grows from the first tenth to the last: with `--scale 50`, a million jobs. */
export const soak: Scenario = {
  name: 'soak',
  title:
    'Soak: memory of a process after each tenth of the jobs that it adds and executes, 20,000 (a million with `--scale 50`)',
  unit: 'MB resident after the last tenth, after the second, what that is for each job of the eight between, and jobs/s',
  sides: beside('graphile-worker', 'stepping'),
  rounds: 1,
  async measure({ side, url, jobs }) {
    const total = Math.ceil(jobs(20_000) / parts) * parts
    await side.install(url)
    const tally = new Tally(total)
    const open = await side.open(url, { connections: 10, steps: 1, run: tally.run })
    const from = performance.now()
    const resident: number[] = []
    for (let part = 0; part < parts; part++) {
      const [first, end] = [part, part + 1].map((at) => (total / parts) * at) as [number, number]
      await inParallel(10, first, end, (job) => open.enqueue(job))
      await tally.reached(end)
      globalThis.gc?.()
      resident.push(process.memoryUsage.rss())
      console.log(`${side.name}: ${end} jobs, ${Math.round(megabytes(resident.at(-1)!))} MB`)
    }
    const seconds = secondsSince(from)
    await assertNoneLeft(url, side)
    await open.close()
    await assertBusinessRows(url, side, total)
    tally.assertEachOnce()
    const [last, second] = [resident.at(-1)!, resident[1]!]
    const each = (last - second) / ((total / parts) * (parts - 2))
    return {
      MB: megabytes(last),
      before: megabytes(second),
      'bytes/job': each,
      'jobs/s': total / seconds,
    }
  },
}

function megabytes(bytes: number): number {
  return bytes / 2 ** 20
}
