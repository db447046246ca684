import { sqlJobStore } from '@stepping/self-tm'
import type { JobRecord } from '@stepping/core'
import { drizzle } from 'drizzle-orm/mysql2'
import { drizzleMysql } from '../../adapter-drizzle/src/index.ts'
import { mysql2 } from '../../adapter-mysql2/src/index.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { describe, expect, test } from 'vitest'
import { claimedGids, claimOne, leaseMs, settle } from '../../conformance/src/index.ts'
import { jobOf } from './jobs.ts'
import { useMysql } from './mysql-store.ts'
import type { MysqlStore } from './mysql-store.ts'

const { open, pool } = useMysql()

/** Stores the job in a transaction of its own. */
async function enlist({ store, database }: MysqlStore, job: JobRecord): Promise<void> {
  await database.transaction(async (tx) => {
    expect(await store.enlist(database.context(tx), job)).toBe(true)
  })
}

test('an enlisted job runs if its transaction commits', async () => {
  const opened = await open()
  const job = jobOf(['A'])
  await enlist(opened, job)
  expect(await claimedGids(opened.store)).toEqual([job.gid])
})

test('an enlisted job goes away with its transaction', async () => {
  const { store, database, stored } = await open()
  const job = jobOf(['A'])
  const rolledBack = database.transaction(async (connection) => {
    await store.enlist(database.context(connection), job)
    throw new Error('changed my mind')
  })
  await expect(rolledBack).rejects.toThrow('changed my mind')
  expect(await stored(job.gid)).toBeNull()
})

test('an enlisted job cannot be claimed before its commit, and nobody waits for that', async () => {
  const { store, database } = await open()
  const job = jobOf(['A'])
  await database.transaction(async (connection) => {
    await store.enlist(database.context(connection), job)
    expect(await claimedGids(store)).toEqual([])
  })
  expect(await claimedGids(store)).toEqual([job.gid])
})

test('a gid that exists already is a duplicate', async () => {
  const opened = await open()
  const job = jobOf(['A'])
  await enlist(opened, job)
  await expect(enlist(opened, job)).rejects.toMatchObject({ code: 'JOB_DUPLICATE', gid: job.gid })
})

test('of two open transactions with one gid the second is refused when the first commits', async () => {
  const opened = await open()
  const job = jobOf(['A'], { callerGid: true })
  const enlisted = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const first = opened.database.transaction(async (tx) => {
    await opened.store.enlist(opened.database.context(tx), job)
    enlisted.resolve()
    await goOn.promise
  })
  await enlisted.promise
  const second = enlist(opened, job).catch((error: unknown) => error)
  goOn.resolve()
  await first
  expect(await second).toMatchObject({ code: 'JOB_DUPLICATE' })
})

test('a job that comes too late is refused', async () => {
  const opened = await open()
  const job = jobOf(['A'], { notAfter: Date.now() - 60_000 })
  await expect(enlist(opened, job)).rejects.toMatchObject({ code: 'BARRIER_EXPIRED', gid: job.gid })
})

test('the transaction of another database is left alone', async () => {
  const { store } = await open()
  const other = await open()
  const identity = await other.database.identity()
  const job = jobOf(['A'], { database: { name: 'orders', identity } })
  await other.database.transaction(async (tx) => {
    expect(await store.enlist(other.database.context(tx), job)).toBe(false)
  })
  expect(await store.find(job.gid)).toBeNull()
})

test('a copy of the database has its identity and is another place all the same', async () => {
  const { store, prefix, database } = await open()
  const copy = mysql2(pool(), { name: 'copy', prefix })
  copy.place = async () => 'elsewhere'
  const identity = await database.identity()
  const job = jobOf(['A'], { database: { name: 'copy', identity } })
  await copy.transaction(async (connection) => {
    expect(await store.enlist(copy.context(connection), job)).toBe(false)
  })
  expect(await claimedGids(store)).toEqual([])
})

test('a place names the server and the database', async () => {
  const { database, query } = await open()
  const { database: beside } = await open()
  const [row] = await query('select database() as name')
  expect(await database.place()).toMatch(new RegExp(`/${row!['name'] as string}$`))
  expect(await database.place()).toBe(await beside.place())
})

test('the same database through another library is recognised by its identity', async () => {
  const { store, prefix, database } = await open()
  const again = drizzleMysql(drizzle(pool()), { name: 'again', prefix })
  const identity = await database.identity()
  const job = jobOf(['A'], { database: { name: 'again', identity } })
  await again.transaction(async (tx) => {
    expect(await store.enlist(again.context(tx), job)).toBe(true)
  })
  expect(await claimedGids(store)).toEqual([job.gid])
})

test('a job of a transaction that a swallowed deadlock ended is not stored', async () => {
  const { store, database, stored } = await open()
  const job = jobOf(['A'])
  const lost = database.transaction(async (connection) => {
    await connection.query('rollback') // as the server does it in a deadlock
    await store.enlist(database.context(connection), job)
  })
  await expect(lost).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
  expect(await stored(job.gid)).toBeNull()
})

describe('with a lease', () => {
  test('the job belongs to whoever stored it, under the token that was given', async () => {
    const { store, database } = await open()
    const job = jobOf(['A'])
    await database.transaction(async (tx) => {
      await store.enlist(database.context(tx), job, { owner: 'me', leaseMs, token: 41 })
    })
    expect(await claimedGids(store)).toEqual([])
    expect([...(await store.renew([{ gid: job.gid, token: 41 }], leaseMs))]).toEqual([job.gid])
  })

  test('before the commit a renewal finds nothing', async () => {
    const { store, database } = await open()
    const job = jobOf(['A'])
    await database.transaction(async (tx) => {
      await store.enlist(database.context(tx), job, { owner: 'me', leaseMs, token: 1 })
      expect([...(await store.renew([{ gid: job.gid, token: 1 }], leaseMs))]).toEqual([])
    })
  }, 5_000)

  test('in a long transaction it counts from the insert, not from the beginning', async () => {
    const { store, database, query } = await open()
    const job = jobOf(['A'])
    const sentAt = await database.transaction(async (connection) => {
      await connection.query('do sleep(0.2)')
      const [rows] = await connection.query<RowDataPacket[]>(
        'select cast(utc_timestamp(3) as char) as at',
      )
      await store.enlist(database.context(connection), job, { owner: 'me', leaseMs, token: 1 })
      return rows[0]!['at'] as string
    })
    const [row] = await query(
      `select lease_until >= ? + interval ${leaseMs * 1_000} microsecond as leased, due_at >= ? as due
      from $job where gid = ?`,
      [sentAt, sentAt, job.gid],
    )
    expect(row).toEqual({ leased: 1, due: 1 })
  })

  test('a crash before it is begun leaves a job that others take when the lease runs out', async () => {
    const { store, database, pass } = await open()
    const job = jobOf(['A'])
    await database.transaction(async (tx) => {
      await store.enlist(database.context(tx), job, { owner: 'me', leaseMs, token: 1 })
    })
    await pass(leaseMs)
    expect(await claimOne(store)).toMatchObject({ gid: job.gid, token: 2, cursor: 0, attempts: 1 })
  })
})

describe('when it finishes', () => {
  test('a job whose insert cannot arrive again is deleted', async () => {
    const opened = await open()
    const job = jobOf(['A'])
    await enlist(opened, job)
    expect(await settle(opened.store, await claimOne(opened.store), { to: 'finished' })).toBe(
      'saved',
    )
    expect(await opened.stored(job.gid)).toBeNull()
  })

  test('its finish repeated after a lost answer is saved', async () => {
    const opened = await open()
    await enlist(opened, jobOf(['A']))
    const claim = await claimOne(opened.store)
    await settle(opened.store, claim, { to: 'finished' })
    expect(await settle(opened.store, claim, { to: 'finished' })).toBe('saved')
  })

  test.each([
    { why: 'whose gid is the caller’s', rest: { callerGid: true } },
    { why: 'that has a barrier row', rest: { byHand: true } },
  ])('a job $why is kept', async ({ rest }) => {
    const opened = await open()
    const job = jobOf(['A'], rest)
    await enlist(opened, job)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    expect(await opened.stored(job.gid)).toMatchObject({ state: 'finished' })
  })
})

describe('history', () => {
  const keepMs = 3_600_000

  test('without it nothing is left of a job that was deleted', async () => {
    const opened = await open()
    const job = jobOf(['A'])
    await enlist(opened, job)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    expect(await opened.query('select gid from $history')).toEqual([])
    expect(await opened.store.find(job.gid)).toBeNull()
  })

  test('shows a job that is done, with all its steps', async () => {
    const opened = await open({ history: { keepMs } })
    const job = jobOf(['A', 'B'])
    await enlist(opened, job)
    const claim = await claimOne(opened.store)
    await settle(opened.store, claim, { to: 'advanced', nextStep: 'B', leaseMs })
    await settle(opened.store, { ...claim, cursor: 1 }, { to: 'finished' })
    expect(await opened.stored(job.gid)).toBeNull()
    expect(await opened.store.find(job.gid)).toMatchObject({
      gid: job.gid,
      state: 'finished',
      running: false,
      steps: [
        { name: 'A', done: true },
        { name: 'B', done: true },
      ],
      finishedAt: expect.any(Date),
    })
  })

  test('is listed with the finished jobs that were not moved', async () => {
    const opened = await open({ history: { keepMs } })
    const [moved, kept] = [jobOf(['A'], { gid: 'a' }), jobOf(['A'], { gid: 'b', callerGid: true })]
    await enlist(opened, moved)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    await opened.store.submit(kept)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    expect(await opened.query('select gid from $history')).toEqual([{ gid: 'a' }])
    const page = { app: 'shop', state: 'finished', limit: 10, after: '' } as const
    expect(await opened.store.list(page)).toEqual([
      await opened.store.find('a'),
      await opened.store.find('b'),
    ])
  })

  test('is kept as long as it was asked to be', async () => {
    const opened = await open({ history: { keepMs } })
    const job = jobOf(['A'])
    await enlist(opened, job)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    await opened.pass(keepMs - 60_000)
    expect(await opened.store.prune(10)).toBe(0)
    await opened.pass(60_001)
    expect(await opened.store.prune(10)).toBe(1)
    expect(await opened.store.find(job.gid)).toBeNull()
  })

  test('is left alone by a process that keeps none', async () => {
    const opened = await open({ history: { keepMs } })
    const job = jobOf(['A'])
    await enlist(opened, job)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    await opened.pass(keepMs + 1)
    expect(await sqlJobStore(opened.database).prune(10)).toBe(0)
    expect(await opened.store.find(job.gid)).not.toBeNull()
  })
})
