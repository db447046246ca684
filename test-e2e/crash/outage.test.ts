import { startPostgres } from '@stepping/test-support'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { openScene } from './scene.ts'

test('a database that is away for ten seconds loses no job, and the app goes on by itself', async () => {
  const server = await startPostgres()
  onTestFinished(() => server.stop())
  const scene = await openScene(server.url, 'outbox', 'outage')
  const app = scene.run({ PLACE: '100', STEP_MS: '200', LEASE_MS: '', CONCURRENCY: '20' })
  await app.line((line) => line === 'placed')
  await server.shutdown()
  await app.line((line) => line === 'event store.failed')
  const health = await app.line((line) => line.startsWith('health {"ok":false'))
  expect(health).toMatch(/"error":"[^"]+/)
  await delay(10_000) // the outage itself
  await server.start()
  const backAt = Date.now()
  await app.line((line) => line === 'event store.recovered')
  expect(Date.now() - backAt).toBeLessThan(5_000)
  await scene.until(async () => (await scene.jobs()).length === 0, 20_000)
  expect(await scene.rows('select 1 from ledger')).toHaveLength(300)
  expect(app.lines.filter((line) => line === 'event store.failed')).toHaveLength(1)
}, 90_000)

test('a server killed right after a commit with synchronous_commit off still has the job', async () => {
  const server = await startPostgres({
    durable: true,
    // The log is then written only by our own statements' demand, not by the writer's timer.
    settings: { synchronous_commit: 'off', wal_writer_delay: '10s', autovacuum: 'off' },
  })
  onTestFinished(() => server.stop())
  const scene = await openScene(server.url, 'outbox', 'durable')
  const app = scene.run({ PLACE: '5', ENQUEUE_ONLY: '1' })
  await app.line((line) => line === 'placed')
  await server.kill()
  await server.start()
  await scene.until(
    async () =>
      await scene.rows('select 1').then(
        () => true,
        () => false,
      ),
  )
  expect(await scene.jobs()).toHaveLength(5)
  expect(await scene.rows('select 1 from orders')).toHaveLength(5)
}, 90_000)
