import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { newGid } from '@stepping/core'
import { freshDatabase, takeDtm } from '@stepping/test-support'
import type { FreshDatabase, TakenDtm } from '@stepping/test-support'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { startApp } from './app.ts'

let server: TakenDtm
let fresh: FreshDatabase
let pool: Pool

beforeAll(async () => {
  server = await takeDtm()
  fresh = await freshDatabase(inject('postgresUrl'), 'mixed fleet')
  pool = new Pool({ connectionString: fresh.url })
  pool.on('error', () => {})
}, 600_000)

afterAll(async () => {
  await pool.end()
  await fresh.drop()
  await server.stop()
})

/** As dtmcli.barrier.postgres.sql of DTM 1.19 makes it. */
const goSchema = `
create schema if not exists dtm_barrier;
CREATE SEQUENCE if not EXISTS dtm_barrier.barrier_seq;
create table if not exists dtm_barrier.barrier(
  id bigint NOT NULL DEFAULT NEXTVAL ('dtm_barrier.barrier_seq'),
  trans_type varchar(45) default '',
  gid varchar(128) default '',
  branch_id varchar(128) default '',
  op varchar(45) default '',
  barrier_id varchar(45) default '',
  reason varchar(45) default '',
  create_time timestamp(0) with time zone DEFAULT NULL,
  update_time timestamp(0) with time zone DEFAULT NULL,
  PRIMARY KEY(id),
  CONSTRAINT uniq_barrier unique(gid, branch_id, op, barrier_id)
)`

/** The statements of its client in Go, word by word. */
const goInsert = `insert into dtm_barrier.barrier(trans_type, gid, branch_id, op, barrier_id, reason) values($1,$2,$3,$4,$5,$6) on conflict ON CONSTRAINT uniq_barrier do nothing`
const goSelect = `select reason from dtm_barrier.barrier where gid=$1 and branch_id=$2 and op=$3 and barrier_id=$4`

/** What the client in Go answers when it is asked about this gid. */
async function askGo(gid: string): Promise<'committed' | 'rolledBack'> {
  await pool.query(goInsert, ['msg', gid, '00', 'msg', '01', 'rollback'])
  const { rows } = await pool.query<{ reason: string }>(goSelect, [gid, '00', 'msg', '01'])
  return rows[0]!.reason === 'rollback' ? 'rolledBack' : 'committed'
}

function open() {
  return drizzlePostgres(drizzle(pool), { name: 'orders', barrier: 'dtm_barrier.barrier' })
}

describe.each([
  ['that its client in Go has made', goSchema],
  ['that is made by the first to migrate', 'select 1'],
])('with a barrier table %s', (_name, schema) => {
  let database: ReturnType<typeof open>

  beforeAll(async () => {
    await pool.query(
      'drop schema if exists stepping cascade; drop schema if exists dtm_barrier cascade',
    )
    await pool.query(schema)
    database = open()
    await database.migrate()
  })

  test('a transaction of ours is committed for the client in Go', async () => {
    const app = await startApp({ server: server.url, orders: { database } })
    const gid = await app.stepping.transaction(database, async (_tx, job) => {
      job.addStep(app.note, 'ours')
      return job.gid
    })
    expect(await askGo(gid)).toBe('committed')
  })

  test("a caller's gid is in the row, and first in the URL, where that client looks for it", async () => {
    const app = await startApp({ server: server.url, orders: { database } })
    const gid = `order-${newGid()}`
    await app.stepping.transaction(database, async (_tx, job) => void job.addStep(app.note, 'x'), {
      gid,
    })
    expect(await askGo(gid)).toBe('committed')
  })

  test('what the client in Go decided refuses our transaction', async () => {
    const app = await startApp({ server: server.url, orders: { database } })
    const gid = newGid()
    expect(await askGo(gid)).toBe('rolledBack')
    const late = app.stepping.transaction(
      database,
      async (_tx, job) => void job.addStep(app.note, 'late'),
      { gid },
    )
    await expect(late).rejects.toMatchObject({ code: 'BARRIER_DECIDED', gid })
  })

  test('what the client in Go decided refuses the last statement of ours, and stays as it is', async () => {
    const app = await startApp({ server: server.url, orders: { database } })
    const gid = newGid()
    expect(await askGo(gid)).toBe('rolledBack')
    const late = app.stepping.transaction(database, async () => {}, { gid })
    await expect(late).rejects.toMatchObject({ code: 'BARRIER_DECIDED', gid })
    expect(await askGo(gid)).toBe('rolledBack')
    const { rows } = await pool.query('select from dtm_barrier.barrier where gid = $1', [gid])
    expect(rows).toHaveLength(1)
  })

  test('our transaction does not commit with that table too late', async () => {
    const key = {
      gid: newGid(),
      notAfter: Date.now() - 60_000,
      identity: await database.identity(),
    }
    const late = database.transaction((tx) =>
      database.barrier.insert(database.context(tx), key, 'msg', true),
    )
    await expect(late).rejects.toMatchObject({ code: 'BARRIER_EXPIRED' })
    const { rows } = await pool.query('select from dtm_barrier.barrier where gid = $1', [key.gid])
    expect(rows).toEqual([])
  })

  test('a transaction of the client in Go is committed, or rolled back, for us', async () => {
    const identity = await database.identity()
    const [committed, asked] = [newGid(), newGid()]
    await pool.query(goInsert, ['msg', committed, '00', 'msg', '01', 'msg'])
    const notAfter = Date.now() + 60_000
    expect(await database.barrier.resolve({ gid: committed, identity, notAfter })).toBe('committed')
    expect(await database.barrier.resolve({ gid: asked, identity, notAfter })).toBe('rolledBack')
    expect(await askGo(asked)).toBe('rolledBack')
  })

  test('rows of others are not deleted, however old', async () => {
    const app = await startApp({ server: server.url, orders: { database } })
    const gid = newGid()
    await pool.query(goInsert, ['msg', gid, '00', 'msg', '01', 'rollback'])
    await pool.query(`update dtm_barrier.barrier set create_time = now() - interval '9 days'`)
    await app.stepping.jobs.prune()
    await vi.waitFor(
      async () => {
        const { rows } = await pool.query(goSelect, [gid, '00', 'msg', '01'])
        expect(rows).toHaveLength(1)
      },
      { timeout: 20_000 },
    )
  })
})
