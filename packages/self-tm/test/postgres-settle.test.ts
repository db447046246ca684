import { sqlJobStore } from '@stepping/self-tm'
import type { Claim, Settlement } from '@stepping/self-tm'
import type { AnySqlDatabase } from '@stepping/sql'
import { expect, test, vi } from 'vitest'
import { ending, leaseMs, request } from '../../conformance/src/index.ts'
import { jobOf } from './jobs.ts'
import { usePostgres } from './postgres-store.ts'
import { replacing } from './replacing.ts'

const { open } = usePostgres()

test('jobs that finish are moved to the history, but for those whose rows are kept', async () => {
  const { store, query, stored } = await open({ history: { keepMs: 60_000 } })
  const gids = ['deleted', 'kept', 'goes on', 'lost', 'deleted, too']
  for (const gid of gids) await store.submit(jobOf(['A', 'B'], { gid }))
  await query("update $job set keep = false where gid <> 'kept'")
  const { claims } = await store.claim(request())
  const of = (gid: string): Claim => claims.find((claim) => claim.gid === gid)!
  const batch: Settlement[] = [
    ending(of('deleted'), { to: 'finished' }),
    ending(of('kept'), { to: 'finished' }),
    ending(of('goes on'), { to: 'advanced', nextStep: 'B', leaseMs }),
    ending({ ...of('lost'), token: 7 }, { to: 'finished' }),
    ending(of('deleted, too'), { to: 'finished' }),
  ]
  const results = await store.settle(batch)
  expect(gids.map((gid) => results.get(gid))).toEqual(['saved', 'saved', 'saved', 'lost', 'saved'])
  expect(await query('select gid from $job order by gid')).toEqual(
    ['goes on', 'kept', 'lost'].map((gid) => ({ gid })),
  )
  expect(await stored('kept')).toMatchObject({ state: 'finished', cursor: 1 })
  expect(await query('select gid, state from $history order by gid')).toEqual(
    ['deleted', 'deleted, too'].map((gid) => ({ gid, state: 'finished' })),
  )
})

test('an ending that something keeps from being written is left for another try', async () => {
  const { store, query } = await open()
  await store.submit(jobOf(['A']))
  const { claims } = await store.claim(request())
  await query(
    `create function keep_row() returns trigger language plpgsql as 'begin return null; end'`,
  )
  await query('create trigger keep before update on $job for each row execute function keep_row()')
  const settled = store.settle(claims.map((claim) => ending(claim, { to: 'finished' })))
  await expect(settled).rejects.toThrow('keeps it from being written')
})

test('a batch of which one statement failed is saved when it is sent again', async () => {
  const opened = await open()
  const { database, query, stored } = opened
  for (const gid of ['ended', 'goes on']) await opened.store.submit(jobOf(['A', 'B'], { gid }))
  await query('update $job set keep = false')
  const { claims } = await opened.store.claim(request())
  const batch = claims.map((claim) =>
    claim.gid === 'ended'
      ? ending(claim, { to: 'finished' })
      : ending(claim, { to: 'advanced', nextStep: 'B', leaseMs }),
  )
  let isLost = true
  const run: AnySqlDatabase['run'] = async (statement) => {
    const result = await database.run(statement)
    const deletes = statement.strings.some((text) => text.includes('delete from'))
    if (deletes || !isLost) return result
    isLost = false
    throw new Error('the answer was lost')
  }
  const store = sqlJobStore(replacing<AnySqlDatabase>(database, { run }))
  await expect(store.settle(batch)).rejects.toThrow('the answer was lost')
  await vi.waitFor(async () => expect(await stored('ended')).toBeNull())
  expect([...new Set((await store.settle(batch)).values())]).toEqual(['saved'])
  expect(await stored('goes on')).toMatchObject({ state: 'submitted', cursor: 1 })
})
