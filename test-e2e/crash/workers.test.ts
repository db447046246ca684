import { expect, inject, test } from 'vitest'
import { openScene } from './scene.ts'
import type { Effect } from './scene.ts'

/** Steps of one job never overlap: each begins after the one before it ended, unless that one's process died. */
function expectNoOverlap(effects: readonly Effect[]): void {
  const byJob = Map.groupBy(effects, (effect) => effect.gid)
  for (const own of byJob.values()) {
    const whole = own.filter((effect) => effect.ended_at !== null)
    const overlaps = whole.filter((effect, i) => i > 0 && effect.began_at < whole[i - 1]!.ended_at!)
    expect(overlaps).toEqual([])
  }
}

test('two workers, forty jobs, one worker killed: all done when its leases are over, by default settings', async () => {
  const scene = await openScene(inject('postgresUrl'), 'outbox', 'forty')
  // 'placed' by the first app, whose fifty slots take them all; then the second one starts.
  const first = scene.run({ PLACE: '40', STEP_MS: '5000', LEASE_MS: '' })
  await first.line((line) => line === 'placed')
  const second = scene.run({ LEASE_MS: '', STEP_MS: '20' })
  await second.line((line) => line === 'started')
  await scene.until(async () => (await scene.effects()).some((effect) => effect.ended_at !== null))
  first.kill('SIGKILL')
  await first.exit
  const left = await scene.jobs()
  expect(left.length).toBeGreaterThan(0)
  // 12 s on a machine of its own; here other tests run beside it.
  await scene.until(async () => (await scene.jobs()).length === 0, 25_000)

  expect(await scene.rows('select 1 from ledger')).toHaveLength(120)
  const effects = await scene.effects()
  expect(new Set(effects.map((effect) => effect.gid)).size).toBe(40)
  expectNoOverlap(effects)
}, 60_000)

test('a worker that slept through its lease changes nothing when it wakes', async () => {
  const scene = await openScene(inject('postgresUrl'), 'outbox', 'zombie')
  const old = scene.run({ PLACE: '1', STEP_MS: '400' })
  await old.line((line) => line === 'running First')
  old.kill('SIGSTOP')
  const next = scene.run({ STEP_MS: '50' })
  await next.line((line) => line === 'event job.finished')
  await scene.until(async () => (await scene.jobs()).length === 0)
  old.kill('SIGCONT')
  await old.line((line) => line === 'event lease.lost')
  expect(await scene.jobs()).toEqual([])
  // Its external effect may come late; what it does in the database through once does not come twice.
  expect(await scene.rows('select step from ledger order by step')).toEqual([
    { step: 'First' },
    { step: 'Second' },
    { step: 'Third' },
  ])
  expect(old.lines.filter((line) => line.startsWith('running'))).toEqual(['running First'])
})

test('jobs added in one process are run at once by another that was idle', async () => {
  const scene = await openScene(inject('postgresUrl'), 'outbox', 'notify')
  const worker = scene.run({ LEASE_MS: '' })
  await worker.line((line) => line === 'started')
  const shop = scene.run({ PLACE: '1', ENQUEUE_ONLY: '1', LEASE_MS: '' })
  await shop.line((line) => line === 'placed')
  const placedAt = Date.now()
  await worker.line((line) => line === 'event job.finished')
  // By polling it would take up to two seconds.
  expect(Date.now() - placedAt).toBeLessThan(1_000)
})
