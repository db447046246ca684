import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import {
  claimNew,
  claimOne,
  leaseMs,
  request,
  settle,
  stepEndings,
} from '../../conformance/src/index.ts'
import { jobOf, tiedJobOf } from './jobs.ts'
import { usePostgres } from './postgres-store.ts'
import type { PostgresStore } from './postgres-store.ts'

/** Notes at each commit that wrote a job how far that commit waits for the log. */
async function openWatched(
  open: () => Promise<PostgresStore>,
): Promise<PostgresStore & { commits: () => Promise<unknown[]> }> {
  const opened = await open()
  const { schema, query } = opened
  await query(`create table "${schema}".commits (setting text)`)
  await query(`
    create function "${schema}".note() returns trigger language plpgsql as $$ begin
      insert into "${schema}".commits values (current_setting('synchronous_commit'));
      return null;
    end $$`)
  await query(`
    create constraint trigger note after insert or update or delete on $job
    deferrable initially deferred for each row execute function "${schema}".note()`)
  return {
    ...opened,
    /** Since it was last asked. */
    async commits() {
      const rows = await query(`delete from "${schema}".commits returning setting`)
      return rows.map(({ setting }) => setting)
    },
  }
}

describe('with synchronous_commit off on the server', () => {
  const { open } = usePostgres(['synchronous_commit = off'])

  // By hand it is inserted at once, else together with COMMIT.
  test.each([true, false])(
    'a job that is stored in a transaction, by hand: %s, makes its commit wait for the log',
    async (byHand) => {
      const { store, database, commits } = await openWatched(open)
      const settings = await database.transaction(async (tx) => {
        const before = await tx.execute(sql`show synchronous_commit`)
        await store.enlist(database.context(tx), jobOf(['A'], { byHand }))
        const after = await tx.execute(sql`show synchronous_commit`)
        return [before, after].map(({ rows }) => rows[0]!['synchronous_commit'])
      })
      expect(settings).toEqual(['off', byHand ? 'on' : 'off'])
      expect(await commits()).toEqual(['on'])
    },
  )

  test('prepare and submit wait for it', async () => {
    const { store, commits } = await openWatched(open)
    const job = tiedJobOf(['A'])
    await store.prepare(job)
    await store.submit(job)
    await store.submit(jobOf(['A']))
    expect(await commits()).toEqual(['on', 'on', 'on'])
  })

  test('a claim waits for it: what runs must not be uncommitted by a crash', async () => {
    const { store, commits } = await openWatched(open)
    await store.submit(jobOf(['A']))
    await commits()
    await store.claim(request())
    expect(await commits()).toEqual(['on'])
  })

  test.each(stepEndings)('writing that an attempt $to waits for it', async (to) => {
    const { store, commits } = await openWatched(open)
    const claim = await claimNew(store, 'A', 'B')
    await commits()
    await settle(store, claim, to)
    expect(await commits()).toEqual(['on'])
  })

  test('finishing a job that is deleted waits for it', async () => {
    const { store, database, commits } = await openWatched(open)
    await database.transaction(async (tx) => {
      await store.enlist(database.context(tx), jobOf(['A']))
    })
    const claim = await claimOne(store)
    await commits()
    await settle(store, claim, { to: 'finished' })
    expect(await commits()).toEqual(['on'])
  })

  test('what an operator does waits for it', async () => {
    const { store, commits } = await openWatched(open)
    const { gid } = await claimNew(store, 'A')
    const other = jobOf(['A'])
    await store.submit(other)
    await commits()
    await store.retry(gid)
    await store.end((await store.find(other.gid))!, 'cancelled')
    expect(await commits()).toEqual(['on', 'on'])
  })

  test('a renewal does not: losing it costs a lease only', async () => {
    const { store, commits } = await openWatched(open)
    const claim = await claimNew(store, 'A')
    await commits()
    await store.renew([claim], leaseMs)
    expect(await commits()).toEqual(['off'])
  })
})

describe('with a server that waits for a standby', () => {
  const { open } = usePostgres(['synchronous_commit = remote_apply'])

  test('that setting is left as it is', async () => {
    const { store, commits } = await openWatched(open)
    await settle(store, await claimNew(store, 'A'), { to: 'finished' })
    expect(await commits()).toEqual(['remote_apply', 'remote_apply', 'remote_apply'])
  })
})
