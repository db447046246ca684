import { pg } from '@stepping/adapter-pg'
import { Pool } from 'pg'
import { createBusiness, insertBusiness, sku } from '../business.ts'
import { execute, probe, storeOf } from '../databases/postgres.ts'
import type { Probe, Side } from '../side.ts'
import { besidePostgres } from './beside-postgres.ts'
import { inTransaction } from './in-transaction.ts'
import { connect } from './stepping.ts'
import { steppingSide } from './stepping-side.ts'

/** The jobs are in another database than `business`: what is looked at there. */
function apart({ left, ...rest }: Probe): Probe {
  return { ...rest, left: (url) => left(storeOf(url)) }
}

async function createStore(url: string): Promise<void> {
  await execute(url, createBusiness, `create database ${new URL(storeOf(url)).pathname.slice(1)}`)
}

export const steppingTwoPhase: Side = steppingSide(
  'stepping-2-phase',
  'self-TM over adapter-pg with prepare: true, its store in another database: prepare, barrier, commit, submit',
  {
    probe: apart(besidePostgres.probe),
    prepare: createStore,
    copy: (url, jobs) => besidePostgres.copy(storeOf(url), jobs),
  },
  (url, max) => {
    const connected = connect(url, max, false)
    const pool = new Pool({ connectionString: storeOf(url), max })
    return {
      ...connected,
      store: pg(pool, { name: 'jobs', prepare: true }),
      end: async () => void (await Promise.all([connected.end(), pool.end()])),
    }
  },
)

/** As lean as it can be: a commit for the prepare, one for the transaction, one for the submit. */
export const handWrittenTwoPhase: Side = {
  name: 'hand-written-2-phase',
  about:
    'SQL through pg: insert in the other database; business and barrier row; update in the other database',
  probe: apart(probe('select count(*) from outbox where submitted')),
  async install(url) {
    await createStore(url)
    await execute(url, 'create table barrier (gid text primary key)')
    await execute(
      storeOf(url),
      'create table outbox (gid text primary key, payload text not null, submitted boolean not null)',
    )
  },
  async open(url, { connections: max }) {
    const pool = new Pool({ connectionString: url, max })
    const store = new Pool({ connectionString: storeOf(url), max })
    return {
      async enqueue(job) {
        const gid = crypto.randomUUID()
        await store.query(prepareJob, [gid, JSON.stringify({ job })])
        await inTransaction(pool, async (client) => {
          await client.query(insertBusiness, [job, sku])
          await client.query('insert into barrier values ($1)', [gid])
        })
        await store.query('update outbox set submitted = true where gid = $1', [gid])
      },
      close: async () => void (await Promise.all([pool.end(), store.end()])),
    }
  },
}

const prepareJob = 'insert into outbox values ($1, $2, false)'
