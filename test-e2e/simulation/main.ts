import { simulate } from './simulate.ts'

const seed = process.env['SIMULATION_SEED']
const schedules = Number(process.env['SIMULATION_SCHEDULES'] ?? 3_000)

if (seed !== undefined) {
  const { trace, violations } = await simulate(Number(seed), { traces: true })
  console.log(trace.join('\n'))
  console.log(violations.length === 0 ? 'no violation' : violations.join('\n'))
  process.exitCode = violations.length === 0 ? 0 : 1
} else {
  const begin = performance.now()
  let attempts = 0
  let virtualMs = 0
  let failed = 0
  for (let n = 1; n <= schedules; n++) {
    const outcome = await simulate(n)
    attempts += outcome.attempts
    virtualMs += outcome.virtualMs
    if (outcome.violations.length > 0) {
      failed++
      console.log(`SIMULATION_SEED=${n}: ${outcome.violations.join('; ')}`)
    }
  }
  const seconds = (performance.now() - begin) / 1_000
  console.log(
    `${schedules} schedules, ${attempts} attempts, ${Math.round(virtualMs / 3_600_000)} h in ${seconds.toFixed(1)} s; ${failed} failed`,
  )
  process.exitCode = failed === 0 ? 0 : 1
}
