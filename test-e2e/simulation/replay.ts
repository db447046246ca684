import { simulate } from './simulate.ts'

/** All that happens in the schedule of this seed, and what is wrong about it, to be printed. */
export async function replay(seed: number): Promise<string> {
  const { trace, violations } = await simulate(seed, { traces: true })
  const verdict = violations.length === 0 ? ['no violation'] : violations
  return [...trace, '', `SIMULATION_SEED=${seed}`, ...verdict].join('\n')
}
