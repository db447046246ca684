/**
 * `pnpm simulation [words]`: thousands of schedules, then every known defect (or those whose names have
 * the words), which the schedules have to bring to light.
 *
 * `SIMULATION_SEED=17` prints what happens in one schedule. `SIMULATION_SCHEDULES=100000` and
 * `SIMULATION_FROM=1000000` go on where nobody has looked yet.
 */
import { hunt, huntEverywhere } from './hunt.ts'
import { defects } from './mutations.ts'
import { replay } from './replay.ts'

/** A defect that does not show in so many schedules is not found. */
const most = 10_000

const { SIMULATION_SEED: seed, SIMULATION_SCHEDULES, SIMULATION_FROM } = process.env
const words = process.argv.slice(2)

if (seed !== undefined) console.log(await replay(Number(seed)))
else if (words.length > 0) await goThroughDefects()
else if (await goThroughSchedules()) await goThroughDefects()

async function goThroughSchedules(): Promise<boolean> {
  const begin = performance.now()
  const count = Number(SIMULATION_SCHEDULES ?? 3_000)
  const found = await huntEverywhere(Number(SIMULATION_FROM ?? 1), count)
  const sum = (part: 'schedules' | 'attempts' | 'virtualMs'): number =>
    found.reduce((total, each) => total + each[part], 0)
  for (const { seed: failed, violations } of found) {
    if (failed !== undefined) console.log(`SIMULATION_SEED=${failed}\n  ${violations.join('\n  ')}`)
  }
  const failures = found.filter((each) => each.seed !== undefined).length
  console.log(
    `${sum('schedules')} schedules, ${sum('attempts')} attempts of steps in ${seconds(begin)}: ${failures === 0 ? 'all invariants hold' : `${failures} failed`}`,
  )
  if (failures > 0) process.exitCode = 1
  return failures === 0
}

async function goThroughDefects(): Promise<void> {
  const begin = performance.now()
  const queue = defects.filter(({ name }) => words.every((word) => name.includes(word)))
  const count = queue.length
  let survivors = 0
  const work = async (): Promise<void> => {
    for (let defect = queue.shift(); defect; defect = queue.shift()) {
      const found = await hunt({ from: 1, to: most, defect: defect.name })
      if (found.seed === undefined) survivors++
      console.log(
        found.seed === undefined
          ? `SURVIVED  ${defect.name}`
          : `found     ${defect.name}\n          schedule ${found.schedules}: ${found.violations[0]}`,
      )
    }
  }
  await Promise.all([work(), work()])
  console.log(`${count - survivors} defects found, ${survivors} not, in ${seconds(begin)}`)
  if (survivors > 0) process.exitCode = 1
}

function seconds(begin: number): string {
  return `${((performance.now() - begin) / 1_000).toFixed(1)} s`
}
