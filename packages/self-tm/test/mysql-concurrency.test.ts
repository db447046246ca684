import { sqlJobStore } from '@stepping/self-tm'
import type { Claim, JobStore } from '@stepping/self-tm'
import { sql } from '@stepping/sql'
import type { AnySqlDatabase, Execute } from '@stepping/sql'
import { shownByInnodb } from '@stepping/test-support'
import { describe, expect, test } from 'vitest'
import {
  claimedGids,
  claimNew,
  claimOne,
  ending,
  leaseMs,
  request,
  settle,
} from '../../conformance/src/index.ts'
import { jobOf, tiedJobOf } from './jobs.ts'
import { useMysql } from './mysql-store.ts'
import type { MysqlStore } from './mysql-store.ts'
import { replacing } from './replacing.ts'

const { open, connect } = useMysql({ connectionLimit: 20 })

/** The store, with a note of every error that the database answered, also where it then tried again. */
function noting({ database }: MysqlStore): { store: JobStore; errors: unknown[] } {
  const errors: unknown[] = []
  async function noted<R>(answer: Promise<R>): Promise<R> {
    return await answer.catch((error: unknown) => {
      errors.push(error)
      throw error
    })
  }
  const run: AnySqlDatabase['run'] = (statement) => noted(database.run(statement))
  const atomically: AnySqlDatabase['atomically'] = (work) => noted(database.atomically(work))
  return { store: sqlJobStore(replacing<AnySqlDatabase>(database, { run, atomically })), errors }
}

/** Resolves when this many statements wait for a lock on the store's rows. */
async function waiting({ query, prefix }: MysqlStore, count: number): Promise<void> {
  await shownByInnodb(async () => {
    const rows = await query(
      `select 1 from information_schema.innodb_trx where trx_state = 'LOCK WAIT' and trx_query like ?`,
      [`%\`${prefix}%`],
    )
    expect(rows).toHaveLength(count)
  })
}

/** Jobs that are claimed, in the order of their gids, in which they were not inserted. */
async function claimMany(store: JobStore, count: number): Promise<Claim[]> {
  for (let i = count; i > 0; i--) await store.submit(jobOf(['A', 'B'], { gid: `job-${i}` }))
  const { claims } = await store.claim(request())
  return claims.toSorted((a, b) => (a.gid < b.gid ? -1 : 1))
}

test('batches that share rows in opposite orders do not deadlock', async () => {
  const opened = await open()
  const { store, errors } = noting(opened)
  const claims = await claimMany(store, 3)
  const endings = claims.map((claim) => ending(claim, { to: 'advanced', nextStep: 'B', leaseMs }))
  await using blocker = await connect()
  await blocker.beginTransaction()
  // The row in the middle: each batch takes what it locks before that one, and waits.
  await blocker.query(`select 1 from ${opened.prefix}job where gid = ? for update`, [
    claims[1]!.gid,
  ])
  const settled = [store.settle(endings), store.settle(endings.toReversed())]
  await waiting(opened, 2)
  await blocker.commit()
  const results = await Promise.all(settled)
  expect(results.map((each) => [...new Set(each.values())])).toEqual([['saved'], ['saved']])
  expect(errors).toEqual([])
})

test('a heartbeat and a batch of endings in opposite orders do not deadlock', async () => {
  const opened = await open()
  const { store, errors } = noting(opened)
  const claims = await claimMany(store, 3)
  const endings = claims.map((claim) => ending(claim, { to: 'advanced', nextStep: 'B', leaseMs }))
  await using blocker = await connect()
  await blocker.beginTransaction()
  await blocker.query(`select 1 from ${opened.prefix}job where gid = ? for update`, [
    claims[1]!.gid,
  ])
  const renewed = store.renew(claims.toReversed(), leaseMs)
  const settled = store.settle(endings)
  await waiting(opened, 2)
  await blocker.commit()
  expect([...(await renewed)].toSorted()).toEqual(claims.map(({ gid }) => gid))
  expect([...new Set((await settled).values())]).toEqual(['saved'])
  expect(errors).toEqual([])
})

test('an ending that had to wait while the job was taken away is lost', async () => {
  const opened = await open()
  const { store, prefix, stored } = opened
  const claim = await claimNew(store, 'A')
  await using other = await connect()
  await other.beginTransaction()
  await other.query(`update ${prefix}job set lease_token = lease_token + 1`)
  const settled = settle(store, claim, { to: 'finished' })
  await waiting(opened, 1)
  await other.commit()
  expect(await settled).toBe('lost')
  expect(await stored(claim.gid)).toMatchObject({ state: 'submitted', cursor: 0 })
})

test('an operator’s cancel that had to wait while the job was claimed is refused', async () => {
  const opened = await open()
  const { store, prefix, stored } = opened
  const job = jobOf(['A'])
  await store.submit(job)
  const seen = (await store.find(job.gid))!
  await using other = await connect()
  await other.beginTransaction()
  await other.query(
    `update ${prefix}job set lease_token = 1, lease_until = utc_timestamp() + interval 1 minute`,
  )
  const ended = store.end(seen, 'cancelled')
  await waiting(opened, 1)
  await other.commit()
  expect(await ended).toBe(false)
  expect(await stored(job.gid)).toMatchObject({ state: 'submitted' })
})

test('a claim steps over rows that somebody else is writing', async () => {
  const { store, prefix } = await open()
  const [locked, free] = [jobOf(['A']), jobOf(['A'])]
  await store.submit(locked)
  await store.submit(free)
  await using other = await connect()
  await other.beginTransaction()
  await other.query(`select 1 from ${prefix}job where gid = ? for update`, [locked.gid])
  expect(await claimedGids(store)).toEqual([free.gid])
  await other.rollback()
  expect(await claimedGids(store)).toEqual([locked.gid])
})

test('a batch of which some are lost says of each what it is', async () => {
  const opened = await open()
  const { store, prefix, query } = opened
  const claims = await claimMany(store, 4)
  await query(`update ${prefix}job set lease_token = lease_token + 1 where gid in (?)`, [
    [claims[1]!.gid, claims[3]!.gid],
  ])
  const results = await store.settle([
    ending(claims[0]!, { to: 'finished' }),
    ending(claims[1]!, { to: 'finished' }),
    ending(claims[2]!, { to: 'retried', inMs: 5_000, error: 'no' }),
    ending(claims[3]!, { to: 'advanced', nextStep: 'B', leaseMs }),
  ])
  expect(claims.map(({ gid }) => results.get(gid))).toEqual(['saved', 'lost', 'saved', 'lost'])
})

describe('while transactions with jobs of their own are open', () => {
  /** Jobs, and beside each of them in the table one that is not committed. */
  async function openBeside(): Promise<MysqlStore & { claims: Claim[] }> {
    const opened = await open()
    const { store, database } = opened
    const claims = await claimMany(store, 3)
    const tied = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const transaction = database.transaction(async (connection) => {
      const context = database.context(connection)
      for (const { gid } of claims)
        await store.enlist(context, jobOf(['A'], { gid: `${gid}-next` }))
      tied.resolve()
      await goOn.promise
    })
    await tied.promise
    releases.push(async () => {
      goOn.resolve()
      await transaction
    })
    // Two: a single one would always be looked for by its key.
    await opened.query(`
      insert into $job (gid, app, state, steps, due_at, keep, finished_at)
      values ('past-1', 'shop', 'finished', '[]', utc_timestamp(), 1, utc_timestamp() - interval 1 year),
        ('past-2', 'shop', 'finished', '[]', utc_timestamp(), 1, utc_timestamp() - interval 1 year)`)
    return { ...opened, claims }
  }
  const releases: (() => Promise<void>)[] = []

  test.each<[string, (opened: MysqlStore & { claims: Claim[] }) => Promise<unknown>]>([
    ['a claim', ({ store }) => store.claim(request())],
    ['a claim that looks ahead', ({ store }) => store.claim(request({ lookAheadMs: 2_000 }))],
    ['a heartbeat', ({ store, claims }) => store.renew(claims, leaseMs)],
    [
      'a batch of endings',
      ({ store, claims }) =>
        store.settle([
          ending(claims[0]!, { to: 'finished' }),
          ending(claims[1]!, { to: 'advanced', nextStep: 'B', leaseMs }),
          ending(claims[2]!, { to: 'retried', inMs: 0, error: 'no' }),
        ]),
    ],
    ['a submit', ({ store }) => store.submit(jobOf(['A']))],
    ['a prepare', ({ store }) => store.prepare(tiedJobOf(['A']))],
    ['a retry', ({ store, claims }) => store.retry(claims[0]!.gid)],
    ['cleaning', async ({ store }) => expect(await store.prune(100)).toBe(2)],
    ['counting', ({ store }) => store.overview('shop')],
  ])('%s does not wait for them', async (_what, act) => {
    const opened = await openBeside()
    const began = performance.now()
    await act(opened)
    expect(performance.now() - began).toBeLessThan(2_000)
    await releases.pop()!()
  })
})

test('many who add, claim and finish at once stand in nobody’s way, and no job is lost or doubled', async () => {
  const opened = await open()
  const { database, query } = opened
  const { store, errors } = noting(opened)
  const added: string[] = []
  const done: string[] = []
  let adding = true
  async function add(): Promise<void> {
    for (let i = 0; i < 50; i++) {
      const job = jobOf(['A'])
      await database.transaction(async (connection) => {
        await opened.store.enlist(database.context(connection), job)
      })
      added.push(job.gid)
    }
  }
  async function work(owner: string): Promise<void> {
    for (;;) {
      const last = !adding
      const { claims } = await store.claim(request({ owner, limit: 5 }))
      if (claims.length === 0 && last) return
      const results = await store.settle(claims.map((claim) => ending(claim, { to: 'finished' })))
      for (const [gid, result] of results) if (result === 'saved') done.push(gid)
    }
  }
  const workers = ['one', 'two', 'three', 'four'].map(work)
  await Promise.all([add(), add(), add(), add()])
  adding = false
  await Promise.all(workers)
  expect(done.toSorted()).toEqual(added.toSorted())
  expect(await query('select gid from $job')).toEqual([])
  expect(errors).toEqual([])
})

test('a statement that the server undid is sent again', async () => {
  const opened = await open()
  const { store, prefix, query } = opened
  // MyISAM keeps what was inserted although the statement that did it is undone.
  await query(`create table ${prefix}tried (n int) engine=MyISAM`)
  await query(`
    create trigger ${prefix}undo before insert on $job for each row begin
      insert into ${prefix}tried values (1);
      if (select count(*) from ${prefix}tried) <= 2 then
        signal sqlstate '40001' set mysql_errno = 1213;
      end if;
    end`)
  expect(await store.submit(jobOf(['A']))).toEqual({ started: true })
})

test('what the server refuses for its data is a refusal, an outage is none', async () => {
  const opened = await open()
  const { store, errors } = noting(opened)
  const claim = await claimNew(store, 'A')
  const tooMany = { ...claim, cursor: 2 ** 40 }
  await opened.query('alter table $job modify `cursor` bigint')
  await opened.query('update $job set `cursor` = ?', [tooMany.cursor])
  await opened.query('alter table $job modify attempts tinyint')
  await opened.query('update $job set attempts = 127')
  await expect(
    store.settle([ending(tooMany, { to: 'retried', inMs: 0, error: 'no' })]),
  ).rejects.toMatchObject({ errno: 1264 })
  expect(errors.map((error) => store.isRefusal!(error))).toEqual([true])
  expect(store.isRefusal!(Object.assign(new Error('gone'), { errno: 1053 }))).toBe(false)
  expect(store.isRefusal!(new Error('Connection lost'))).toBe(false)
})

test('parked and finished jobs do not stand before those that are due', async () => {
  const { store, database, query } = await open()
  await query(
    `insert into $job (gid, app, state, steps, next_step, due_at, keep)
    with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 50)
    select concat('old-', a.n, '-', b.n), 'shop', if(a.n % 2, 'parked', 'finished'), '[["A"]]', 'A', utc_timestamp() - interval 1 day, 1
    from numbers a join numbers b`,
  )
  await query('analyze table $job')
  const job = jobOf(['A'])
  await store.submit(job)
  let read = 0
  const atomically: AnySqlDatabase['atomically'] = async (work) =>
    await database.atomically(async (execute) => {
      const before = await rowsRead(execute)
      const result = await work(execute)
      read = (await rowsRead(execute)) - before
      return result
    })
  const counting = sqlJobStore(replacing<AnySqlDatabase>(database, { atomically }))
  expect((await claimOne(counting)).gid).toBe(job.gid)
  expect(read).toBeGreaterThan(0)
  expect(read).toBeLessThan(100)
})

/** By this session, through whichever index. */
async function rowsRead(execute: Execute): Promise<number> {
  const { rows } = await execute(sql`show session status where variable_name in
    ('Handler_read_key', 'Handler_read_next', 'Handler_read_rnd_next')`)
  // Showing it reads rows of its own.
  return rows.reduce((sum, row) => sum + Number(row['Value']), 0)
}
