import { expect, test } from 'vitest'
import { huntEverywhere } from './hunt.ts'
import { replay } from './replay.ts'
import { simulate } from './simulate.ts'

test('the invariants hold in every schedule', { timeout: 120_000 }, async () => {
  const found = await huntEverywhere(1, 3_000)
  const failed = found.find(({ seed }) => seed !== undefined)
  if (failed) throw new Error(await replay(failed.seed!))
})

test('a seed is one schedule, in every detail', async () => {
  const twice = [await simulate(11, { traces: true }), await simulate(11, { traces: true })]
  expect(twice[0]!.trace.length).toBeGreaterThan(50)
  expect(twice[1]).toEqual(twice[0])
})

test('the runtime’s own timers and clocks are back afterwards', async () => {
  const before = [setTimeout, setInterval, setImmediate, Date.now, Math.random]
  await simulate(1)
  expect([setTimeout, setInterval, setImmediate, Date.now, Math.random]).toEqual(before)
  expect(Object.getOwnPropertyNames(performance)).not.toContain('now')
})
