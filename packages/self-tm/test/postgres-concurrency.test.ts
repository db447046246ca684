import { sqlJobStore } from '@stepping/self-tm'
import type { Claim, JobStore, Settlement } from '@stepping/self-tm'
import type { AnySqlDatabase } from '@stepping/sql'
import { describe, expect, test, vi } from 'vitest'
import {
  claimedGids,
  claimNew,
  ending,
  leaseMs,
  request,
  settle,
} from '../../conformance/src/index.ts'
import { jobOf } from './jobs.ts'
import { replacing } from './replacing.ts'
import { usePostgres } from './postgres-store.ts'
import type { PostgresStore } from './postgres-store.ts'

const { open, connect } = usePostgres()

/** The store, with a note of every error that the database answered, also where it then tried again. */
function noting({ database }: PostgresStore): { store: JobStore; errors: unknown[] } {
  const errors: unknown[] = []
  const run: AnySqlDatabase['run'] = async (statement) => {
    try {
      return await database.run(statement)
    } catch (error) {
      errors.push(error)
      throw error
    }
  }
  return { store: sqlJobStore(replacing<AnySqlDatabase>(database, { run })), errors }
}

/** Resolves when this many statements wait for a lock on the store's rows. */
async function waiting({ query, schema }: PostgresStore, count: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const rows = await query(
        `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%"' || $1 || '"%'`,
        [schema],
      )
      expect(rows).toHaveLength(count)
    },
    { timeout: 10_000 },
  )
}

/** Jobs that are claimed, in the order of their gids, in which they do not lie in the table. No row is kept for late messages. */
async function claimMany({ store, query }: PostgresStore, count: number): Promise<Claim[]> {
  for (let i = count; i > 0; i--) await store.submit(jobOf(['A', 'B'], { gid: `job-${i}` }))
  await query('update $job set keep = false')
  const { claims } = await store.claim(request())
  return claims.toSorted((a, b) => (a.gid < b.gid ? -1 : 1))
}

/** The statement that goes on with jobs, and the one that deletes them. */
const endingsOf: readonly [string, (claim: Claim) => Settlement][] = [
  ['steps', (claim) => ending(claim, { to: 'advanced', nextStep: 'B', leaseMs })],
  ['jobs', (claim) => ending(claim, { to: 'finished' })],
]

/** Begins two calls that come to wait for the row in the middle of three: each takes what it locks before that one. */
async function behindTheMiddle<R>(
  opened: PostgresStore,
  claims: readonly Claim[],
  begin: () => R,
): Promise<R> {
  await using blocker = await connect()
  await blocker.query('begin')
  await blocker.query(`select 1 from "${opened.schema}".job where gid = $1 for update`, [
    claims[1]!.gid,
  ])
  const begun = begin()
  await waiting(opened, 2)
  await blocker.query('commit')
  return begun
}

test.each(endingsOf)(
  'batches of ended %s that share rows in opposite orders do not deadlock',
  async (_, end) => {
    const opened = await open()
    const { store, errors } = noting(opened)
    const claims = await claimMany(opened, 3)
    const endings = claims.map(end)
    const settled = await behindTheMiddle(opened, claims, () => [
      store.settle(endings),
      store.settle(endings.toReversed()),
    ])
    const results = await Promise.all(settled)
    expect(results.map((each) => [...new Set(each.values())])).toEqual([['saved'], ['saved']])
    expect(errors).toEqual([])
  },
)

test.each(endingsOf)(
  'a heartbeat and a batch of ended %s in opposite orders do not deadlock',
  async (what, end) => {
    const opened = await open()
    const { store, errors } = noting(opened)
    const claims = await claimMany(opened, 3)
    const { renewed, settled } = await behindTheMiddle(opened, claims, () => ({
      renewed: store.renew(claims.toReversed(), leaseMs),
      settled: store.settle(claims.map(end)),
    }))
    const answer = await renewed
    const mine = claims.map(({ gid }) => gid)
    // A row that is deleted before the heartbeat gets there is not renewed.
    const found = what === 'steps' ? mine : mine.filter((gid) => answer.has(gid))
    expect([...answer].toSorted()).toEqual(found)
    expect([...new Set((await settled).values())]).toEqual(['saved'])
    expect(errors).toEqual([])
  },
)

test.each([true, false])(
  'an ending that had to wait while the job was taken away is lost, its row to be kept: %s',
  async (keep) => {
    const opened = await open()
    const { store, schema, stored, query } = opened
    const claim = await claimNew(store, 'A')
    await query('update $job set keep = $1', [keep])
    await using other = await connect()
    await other.query('begin')
    await other.query(`update "${schema}".job set lease_token = lease_token + 1`)
    const settled = settle(store, claim, { to: 'finished' })
    await waiting(opened, 1)
    await other.query('commit')
    expect(await settled).toBe('lost')
    expect(await stored(claim.gid)).toMatchObject({ state: 'submitted', cursor: 0 })
  },
)

test('a finish that had to wait for a renewal of its lease deletes the row', async () => {
  const opened = await open()
  const { store, schema, stored, query } = opened
  const claim = await claimNew(store, 'A')
  await query('update $job set keep = false')
  await using other = await connect()
  await other.query('begin')
  await other.query(`update "${schema}".job set lease_until = lease_until + interval '1 s'`)
  const settled = settle(store, claim, { to: 'finished' })
  await waiting(opened, 1)
  await other.query('commit')
  expect(await settled).toBe('saved')
  expect(await stored(claim.gid)).toBeNull()
})

test('an ending that had to wait for a renewal of its lease is written', async () => {
  const opened = await open()
  const { store, schema, stored } = opened
  const claim = await claimNew(store, 'A')
  await using other = await connect()
  await other.query('begin')
  await other.query(`update "${schema}".job set lease_until = lease_until + interval '1 s'`)
  const settled = settle(store, claim, { to: 'advanced', nextStep: 'B', leaseMs })
  await waiting(opened, 1)
  await other.query('commit')
  expect(await settled).toBe('saved')
  expect(await stored(claim.gid)).toMatchObject({ state: 'submitted', cursor: 1 })
})

test('an operator’s cancel that had to wait while the job was claimed is refused', async () => {
  const opened = await open()
  const { store, schema, stored } = opened
  const job = jobOf(['A'])
  await store.submit(job)
  const seen = (await store.find(job.gid))!
  await using other = await connect()
  await other.query('begin')
  await other.query(
    `update "${schema}".job set lease_token = 1, lease_until = clock_timestamp() + interval '1 min'`,
  )
  const ended = store.end(seen, 'cancelled')
  await waiting(opened, 1)
  await other.query('commit')
  expect(await ended).toBe(false)
  expect(await stored(job.gid)).toMatchObject({ state: 'submitted' })
})

test('a claim steps over rows that somebody else is writing', async () => {
  const { store, schema } = await open()
  const [locked, free] = [jobOf(['A']), jobOf(['A'])]
  await store.submit(locked)
  await store.submit(free)
  await using other = await connect()
  await other.query('begin')
  await other.query(`select 1 from "${schema}".job where gid = $1 for update`, [locked.gid])
  expect(await claimedGids(store)).toEqual([free.gid])
  await other.query('rollback')
  expect(await claimedGids(store)).toEqual([locked.gid])
})

test('a statement that the server undid is sent again', async () => {
  const opened = await open()
  const { store, schema, query } = opened
  // A sequence counts although the statement that asked it is undone.
  await query(`create sequence "${schema}".tried`)
  await query(`
    create function "${schema}".undo() returns trigger language plpgsql as $$ begin
      if nextval('"${schema}".tried') <= 2 then raise sqlstate '40P01'; end if;
      return new;
    end $$`)
  await query(
    `create trigger undo before insert on $job for each row execute function "${schema}".undo()`,
  )
  expect(await store.submit(jobOf(['A']))).toEqual({ started: true })
})

test('what the server refuses for its data is a refusal, an outage is none', async () => {
  const opened = await open()
  const { store, errors } = noting(opened)
  const claim = await claimNew(store, 'A')
  const tooLarge = { ...claim, token: 2 ** 40 }
  await expect(store.settle([ending(tooLarge, { to: 'finished' })])).rejects.toMatchObject({
    code: expect.stringMatching(/^22/),
  })
  expect(errors.map((error) => store.isRefusal!(error))).toEqual([true])
  expect(store.isRefusal!(Object.assign(new Error('gone'), { code: '57P01' }))).toBe(false)
  expect(store.isRefusal!(new Error('Connection terminated unexpectedly'))).toBe(false)
})

describe('without an index that happens to be in their order', () => {
  const unordered = usePostgres(['enable_indexscan = off', 'enable_bitmapscan = off'])

  test('those that are due longest are claimed first', async () => {
    const { store, query } = await unordered.open()
    const jobs = [jobOf(['A']), jobOf(['A']), jobOf(['A'])]
    for (const job of jobs) await store.submit(job)
    await query(`update $job set due_at = due_at - interval '1 hour' where gid = $1`, [
      jobs[1]!.gid,
    ])
    expect(await claimedGids(store, { limit: 1 })).toEqual([jobs[1]!.gid])
  })
})
