import type { JobRecord } from '@stepping/core'
import { copyFileSync } from 'node:fs'
import { sqlJobStore } from '@stepping/self-tm'
import Database from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { drizzleSqlite } from '../../adapter-drizzle/src/index.ts'
import {
  claimedGids,
  claimOne,
  ending,
  leaseMs,
  request,
  settle,
} from '../../conformance/src/index.ts'
import { jobOf } from './jobs.ts'
import { openSqlite } from './sqlite-store.ts'
import type { SqliteStore } from './sqlite-store.ts'

/** Stores the job in a transaction of its own. */
async function enlist({ store, database }: SqliteStore, job: JobRecord): Promise<void> {
  await database.transaction(async (tx) => {
    expect(await store.enlist(database.context(tx), job)).toBe(true)
  })
}

test('an enlisted job runs if its transaction commits, and nobody can claim it before', async () => {
  const { store, database } = await openSqlite()
  const job = jobOf(['A'])
  await database.transaction(async (tx) => {
    await store.enlist(database.context(tx), job)
    expect(await claimedGids(store)).toEqual([])
  })
  expect(await claimedGids(store)).toEqual([job.gid])
})

test('an enlisted job goes away with its transaction', async () => {
  const { store, database, stored } = await openSqlite()
  const job = jobOf(['A'])
  const rolledBack = database.transaction(async (tx) => {
    await store.enlist(database.context(tx), job)
    throw new Error('changed my mind')
  })
  await expect(rolledBack).rejects.toThrow('changed my mind')
  expect(await stored(job.gid)).toBeNull()
})

test('a gid that exists already is a duplicate, and one that comes too late is refused', async () => {
  const opened = await openSqlite()
  const job = jobOf(['A'])
  await enlist(opened, job)
  await expect(enlist(opened, job)).rejects.toMatchObject({ code: 'JOB_DUPLICATE', gid: job.gid })
  const late = jobOf(['A'], { notAfter: Date.now() - 60_000 })
  await expect(enlist(opened, late)).rejects.toMatchObject({ code: 'BARRIER_EXPIRED' })
})

test('the same file through another object is recognised by its identity', async () => {
  const { store, database, again } = await openSqlite()
  const other = again('again')
  const job = jobOf(['A'], { database: { name: 'again', identity: await database.identity() } })
  await other.transaction(async (tx) => {
    expect(await store.enlist(other.context(tx), job)).toBe(true)
  })
  expect(await claimedGids(store)).toEqual([job.gid])
})

test('a copy of the file has its identity and is another place all the same', async () => {
  const { store, database, file, raw } = await openSqlite()
  raw.pragma('wal_checkpoint(truncate)')
  copyFileSync(file, `${file}.copy`)
  const client = new Database(`${file}.copy`)
  onTestFinished(() => void client.close())
  const copy = drizzleSqlite(drizzle({ client }), { name: 'copy' })
  expect(await copy.identity()).toBe(await database.identity())
  const job = jobOf(['A'], { database: { name: 'copy', identity: await copy.identity() } })
  await copy.transaction(async (tx) => {
    expect(await store.enlist(copy.context(tx), job)).toBe(false)
  })
  expect(await claimedGids(store)).toEqual([])
})

describe('with a lease', () => {
  test('in a long transaction it counts from the insert, not from the beginning', async () => {
    const { store, database, raw } = await openSqlite()
    const job = jobOf(['A'])
    const sentAt = await database.transaction(async (tx) => {
      tx.run(sql`create table anything (x)`)
      await delay(200)
      const at = Date.now()
      await store.enlist(database.context(tx), job, { owner: 'me', leaseMs, token: 1 })
      return at
    })
    expect(await claimedGids(store)).toEqual([])
    const row = raw.prepare('select due_at, lease_until from stepping_job').get() as {
      due_at: number
      lease_until: number
    }
    expect(row.due_at).toBeGreaterThanOrEqual(sentAt - 1)
    expect(row.lease_until).toBeGreaterThanOrEqual(sentAt + leaseMs - 1)
  })

  test('a crash before it is begun leaves a job that others take when the lease runs out', async () => {
    const { store, database, pass } = await openSqlite()
    const job = jobOf(['A'])
    await database.transaction(async (tx) => {
      await store.enlist(database.context(tx), job, { owner: 'me', leaseMs, token: 1 })
    })
    await pass(leaseMs)
    expect(await claimOne(store)).toMatchObject({ gid: job.gid, token: 2, cursor: 0 })
  })
})

describe('when it finishes', () => {
  test('a job whose insert cannot arrive again is deleted, or moved to the history', async () => {
    for (const [options, rows] of [
      [{}, 0],
      [{ history: { keepMs: 3_600_000 } }, 1],
    ] as const) {
      const opened = await openSqlite(options)
      const job = jobOf(['A'])
      await enlist(opened, job)
      const claim = await claimOne(opened.store)
      expect(await settle(opened.store, claim, { to: 'finished' })).toBe('saved')
      expect(await opened.stored(job.gid)).toBeNull()
      expect(opened.raw.prepare('select gid from stepping_history').all()).toHaveLength(rows)
      // Repeated after a lost answer it is saved as well, and changes nothing.
      expect(await settle(opened.store, claim, { to: 'finished' })).toBe('saved')
      expect(opened.raw.prepare('select gid from stepping_history').all()).toHaveLength(rows)
    }
  })

  test('a job in the history is listed with the finished jobs that were not moved', async () => {
    const opened = await openSqlite({ history: { keepMs: 3_600_000 } })
    const [moved, kept] = [jobOf(['A'], { gid: 'a' }), jobOf(['A'], { gid: 'b', callerGid: true })]
    await enlist(opened, moved)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    await opened.store.submit(kept)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    expect(opened.raw.prepare('select gid from stepping_history').all()).toEqual([{ gid: 'a' }])
    const page = { app: 'shop', state: 'finished', limit: 10, after: '' } as const
    expect(await opened.store.list(page)).toEqual([
      await opened.store.find('a'),
      await opened.store.find('b'),
    ])
  })

  test('a batch that is refused in part is not written at all', async () => {
    const opened = await openSqlite({ history: { keepMs: 3_600_000 } })
    const { store, raw, stored } = opened
    const jobs = [jobOf(['A']), jobOf(['A'])]
    for (const job of jobs) await enlist(opened, job)
    const { claims } = await store.claim(request())
    raw.exec(`create trigger refuse before update on stepping_job when new.last_error = 'refused'
      begin select raise(abort, 'refused'); end`)
    const [first, second] = claims
    const settled = store.settle([
      ending(first!, { to: 'finished' }),
      ending(second!, { to: 'retried', inMs: 0, error: 'refused' }),
    ])
    await expect(settled).rejects.toSatisfy((error) => store.isRefusal!(error))
    expect(await stored(first!.gid)).toMatchObject({ state: 'submitted' })
    expect(raw.prepare('select gid from stepping_history').all()).toEqual([])
    expect(await settle(store, first!, { to: 'finished' })).toBe('saved')
  })
})

test('a claim finds due jobs by the index, in order, however many are parked or kept', async () => {
  const { store, raw, database } = await openSqlite()
  await store.submit(jobOf(['A']))
  const statements: string[] = []
  const run = database.run.bind(database)
  database.run = async (statement, options) => {
    statements.push(statement.strings.join('?'))
    return await run(statement, options)
  }
  await sqlJobStore(database).claim({
    app: 'shop',
    owner: 'me',
    leaseMs,
    limit: 10,
    stepNames: ['A'],
    lookAheadMs: 1_000,
  })
  const [look, take, ahead] = statements
  const plan = (statement: string): string =>
    raw
      .prepare<unknown[], { detail: string }>(`explain query plan ${statement}`)
      .all(...Array.from({ length: statement.split('?').length - 1 }, () => '[]'))
      .map(({ detail }) => detail)
      .join('\n')
  expect(plan(look!)).toMatch(/stepping_job USING INDEX stepping_job_due \(app=\? AND due_at<\?\)/)
  expect(plan(look!)).not.toMatch(/TEMP B-TREE/)
  expect(plan(take!)).toMatch(/SEARCH j USING INDEX sqlite_autoindex_stepping_job_1 \(gid=\?\)/)
  expect(plan(ahead!)).toMatch(/stepping_job USING INDEX stepping_job_due \(app=\? AND due_at<\?\)/)
})
