import { expect, inject, test } from 'vitest'
import { openScene } from './scene.ts'
import type { Path, Scene } from './scene.ts'
import type { CrashPoint } from './crash-points.ts'

const paths: readonly Path[] = ['outbox', '2-phase']
const inOrder = ['First', 'Second', 'Third']

async function open(path: Path, label: string): Promise<Scene> {
  return await openScene(inject('postgresUrl'), path, label)
}

/** Everything that was committed was done, in order, and had its effect on the database once. */
async function expectAllDone(scene: Scene, orders: number): Promise<void> {
  const placed = await scene.rows<{ gid: string }>('select gid from orders')
  expect(placed).toHaveLength(orders)
  const ledger = await scene.rows<{ gid: string; step: string }>('select gid, step from ledger')
  const effects = await scene.effects()
  for (const { gid } of placed) {
    const own = ledger.filter((row) => row.gid === gid).map((row) => row.step)
    expect(own.toSorted()).toEqual(inOrder)
    const ended = effects.filter((row) => row.gid === gid && row.ended_at !== null)
    const firstEnds = inOrder.map((step) => ended.find((row) => row.step === step)!.ended_at!)
    expect(firstEnds).toEqual(firstEnds.toSorted((a, b) => a.getTime() - b.getTime()))
  }
  expect(ledger).toHaveLength(orders * inOrder.length)
}

for (const path of paths) {
  const killed: readonly CrashPoint[] = [
    'after the commit',
    'in the first step',
    'after an effect, before its completion is saved',
    'between two steps',
    'before the finish is saved',
    ...(path === '2-phase' ? (['after the submit'] as const) : []),
  ]
  for (const point of killed) {
    test(`${path}: killed ${point}, a committed order's steps are all done`, async () => {
      const scene = await open(path, 'crash')
      await scene.crash({ CRASH: point, PLACE: '1' })
      scene.run()
      await scene.until(async () => (await scene.rows('select 1 from ledger')).length >= 3)
      await scene.settled()
      await expectAllDone(scene, 1)
    })
  }

  const neverCommitted: readonly CrashPoint[] =
    path === 'outbox' ? ['before the commit'] : ['before the barrier', 'before the commit']
  for (const point of neverCommitted) {
    test(`${path}: killed ${point}, the order and its steps never were`, async () => {
      const scene = await open(path, 'crash')
      await scene.crash({ CRASH: point, PLACE: '1' })
      const next = scene.run({ PLACE: '0' })
      await next.line((line) => line === 'started')
      await scene.settled()
      expect(await scene.rows('select 1 from orders')).toEqual([])
      expect(await scene.effects()).toEqual([])
      const states = (await scene.jobs()).map((job) => job.state)
      expect(states).toEqual(path === 'outbox' ? [] : ['rolledBack'])
    })
  }

  test(`${path}: a rejected transaction runs no step`, async () => {
    const scene = await open(path, 'rejected')
    const app = scene.run({ PLACE: '1', ROLL_BACK: '1' })
    await app.line((line) => line.startsWith('rejected: the customer'))
    await app.line((line) => line === 'placed')
    expect(await scene.jobs()).toEqual([])
    expect(await scene.effects()).toEqual([])
  })

  test(`${path}: committed by hand and never submitted, the steps are done all the same`, async () => {
    const scene = await open(path, 'forgotten')
    await scene.run({ PLACE: '1', BY_HAND: '1' }).line((line) => line === 'placed')
    await scene.until(async () => (await scene.rows('select 1 from ledger')).length === 3)
    await scene.settled()
    await expectAllDone(scene, 1)
  })
}

test('without a transaction: killed before the insert is sent, there is no job', async () => {
  const scene = await open('outbox', 'alone')
  await scene.crash({ CRASH: 'before the submit', PLACE: '1', ALONE: '1' })
  await scene.run().line((line) => line === 'started')
  expect(await scene.jobs()).toEqual([])
  expect(await scene.effects()).toEqual([])
})

test('without a transaction: killed after the insert, the steps are all done', async () => {
  const scene = await open('outbox', 'alone')
  await scene.crash({ CRASH: 'after the submit', PLACE: '1', ALONE: '1' })
  scene.run()
  await scene.until(async () => (await scene.rows('select 1 from ledger')).length === 3)
  await scene.settled()
  const ledger = await scene.rows<{ step: string }>('select step from ledger')
  expect(ledger.map(({ step }) => step)).toEqual(inOrder)
})

test('2-phase: killed while query prepared is answered, the next one gets the same answer', async () => {
  const scene = await open('2-phase', 'query prepared')
  await scene.crash({ CRASH: 'after the commit', PLACE: '1' })
  await scene.crash({ CRASH: 'after query prepared has answered' })
  scene.run()
  await scene.until(async () => (await scene.rows('select 1 from ledger')).length === 3)
  await expectAllDone(scene, 1)
})

test('a step whose completion was saved is not begun again', async () => {
  const scene = await open('outbox', 'between')
  await scene.crash({ CRASH: 'between two steps', PLACE: '1' })
  scene.run()
  await scene.settled()
  await scene.until(async () => (await scene.jobs()).length === 0)
  const began = (await scene.effects()).map((row) => row.step)
  expect(began.filter((step) => step === 'First')).toHaveLength(1)
})
