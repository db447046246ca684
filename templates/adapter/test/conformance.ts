import { commitProxy, postgresProbe } from '@stepping/conformance'
import type { DatabaseHarness, TransactionManagerHarness } from '@stepping/conformance'
import { memoryJobStore, selfTm } from '@stepping/self-tm'
import type { SqlDatabase } from '@stepping/sql'
import { freshDatabase } from '@stepping/test-support'
import { Client } from 'pg'
import { inject } from 'vitest'
import type { AcmePool, AcmeTransaction } from '../src/acme.ts'
import { acme } from '../src/index.ts'
import { unwritten } from '../src/unwritten.ts'

type Database = SqlDatabase<AcmeTransaction, undefined>

const lacking = (what: string) => ({ lacking: `the harness does not say yet ${what}` })

export const overAcme: DatabaseHarness<AcmeTransaction, Database> = {
  name: 'Acme',
  async open() {
    const fresh = await freshDatabase(inject('postgresUrl'), 'acme')
    const { hostname: host, port } = new URL(fresh.url)
    const proxy = await commitProxy({ host, port: Number(port) })
    const pool = connect(Object.assign(new URL(fresh.url), { port: `${proxy.port}` }).href)
    const raw = new Client({ connectionString: fresh.url })
    await raw.connect()
    await raw.query('create table notes (text text primary key)')
    return {
      over: ({ name, tables }) =>
        acme(pool, { name, ...(tables !== undefined && { schema: tables }) }),
      write,
      read,
      mistakes: { 'the pool': pool },
      // Each of these: the function, or why the library has none.
      openByHand: lacking('how users open a transaction around a callback'),
      begin: lacking('how users begin a transaction without a callback'),
      savepoint: lacking('how users nest transactions'),
      doom: lacking('after which statement the server has given a transaction up'),
      rollback: lacking('how users send a ROLLBACK as a statement'),
      failOnce: lacking('after which error the library runs a callback again'),
      loseCommit: (part) => proxy.lose(part),
      probe: postgresProbe(async (text, values) => (await raw.query<object>(text, values)).rows),
      async close() {
        // And what `connect` opened.
        await raw.end()
        await proxy.close()
        await fresh.drop()
      },
    }
  },
}

/** With at least ten connections, or one. */
function connect(url: string): AcmePool {
  throw unwritten(
    'connect',
    'test/conformance.ts',
    `open the library's pool for ${new URL(url).host}`,
  )
}

/** As users write it, with the library. */
async function write(tx: AcmeTransaction, text: string): Promise<void> {
  throw unwritten(
    'write',
    'test/conformance.ts',
    `insert ${JSON.stringify(text)} into notes through ${tx.constructor.name}`,
  )
}

async function read(tx: AcmeTransaction): Promise<string[]> {
  throw unwritten(
    'read',
    'test/conformance.ts',
    `select every text of notes through ${tx.constructor.name}`,
  )
}

const impatient = { pollMs: 50, leaseMs: 2_000, drainMs: 200 }

/** The jobs in the transactions themselves. */
export const outbox: TransactionManagerHarness<AcmeTransaction, Database> = {
  name: 'self-TM in the same database',
  data: overAcme,
  async open({ database }) {
    const manager = () => selfTm({ database, queryPreparedAfterMs: 300, ...impatient })
    await manager().migrate!()
    return { manager, enlists: { always: true }, close: async () => {} }
  },
}

/** The jobs elsewhere. */
export const twoPhases: TransactionManagerHarness<AcmeTransaction, Database> = {
  name: 'self-TM in memory',
  data: overAcme,
  async open() {
    const store = memoryJobStore({ queryPreparedAfterMs: 300 })
    return {
      manager: () => selfTm({ store, ...impatient }),
      enlists: { lacking: 'no transaction reaches into memory' },
      close: async () => {},
    }
  },
}
