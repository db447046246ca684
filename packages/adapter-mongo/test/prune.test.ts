import { barrierRetentionMs } from '@stepping/core'
import { expect, test } from 'vitest'
import { open } from './harness.ts'

const none = async (): Promise<ReadonlySet<string>> => new Set()

test("the rows of DTM's clients, whose age nobody knows, stay", async () => {
  const h = await open()
  const rows = h.probe.collection('stepping_barrier')
  const time = new Date(Date.now() - 2 * barrierRetentionMs)
  const own = { branch_id: '00', op: 'msg', barrier_id: '01', reason: 'rollback' }
  await rows.insertMany([
    { ...own, gid: 'no time' },
    { ...own, gid: 'another branch', op: 'action', create_time: time },
    { ...own, gid: 'ours', create_time: time },
  ])
  expect(await h.database.prune({ owners: ['shop'], over: none, active: none })).toBe(1)
  expect((await rows.distinct('gid')).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
    'another branch',
    'no time',
  ])
})

test('a batch of young rows ends the look, however many there are', async () => {
  const h = await open()
  const own = { branch_id: '00', op: 'msg', barrier_id: '01', reason: 'msg' }
  const young = Array.from({ length: 1_010 }, (_, i) => ({
    ...own,
    gid: `young-${i}`,
    create_time: new Date(),
  }))
  await h.probe.collection('stepping_barrier').insertMany(young)
  const asked: number[] = []
  const over = async (gids: readonly string[]): Promise<ReadonlySet<string>> => {
    asked.push(gids.length)
    return new Set()
  }
  expect(await h.database.prune({ owners: ['shop'], over, active: none })).toBe(0)
  expect(asked).toEqual([0])
})
