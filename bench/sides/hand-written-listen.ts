import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import { insertBusiness, sku } from '../business.ts'
import type { Run, Side } from '../side.ts'
import { batch, claimOutbox, deleteOutbox, handWritten, insertOutbox } from './hand-written.ts'
import { inTransaction } from './in-transaction.ts'

/** Woken by a notification in each transaction that adds a job, and claims one row for each. */
export const handWrittenListen: Side = {
  ...handWritten,
  name: 'hand-written-listen',
  about: 'the same, woken by LISTEN, with NOTIFY in the transaction that inserts',
  async open(url, { connections, run }) {
    const pool = new Pool({ connectionString: url, max: connections })
    const listener = run && (await listen(pool, run))
    return {
      enqueue: (job) =>
        inTransaction(pool, async (client) => {
          await client.query(insertBusiness, [job, sku])
          await client.query(insertOutbox, [JSON.stringify({ job })])
          await client.query('notify outbox')
        }),
      close: async () => {
        listener?.release(true)
        await pool.end()
      },
    }
  },
}

async function listen(pool: Pool, run: Run): Promise<PoolClient> {
  const listener = await pool.connect()
  listener.on('notification', () => void claim())
  await listener.query('listen outbox')
  return listener

  async function claim(): Promise<void> {
    const { rows } = await pool.query<{ id: string; payload: string }>(claimOutbox, [batch])
    for (const { payload } of rows) await run(JSON.parse(payload).job, 0)
    await pool.query(deleteOutbox, [rows.map(({ id }) => id)])
  }
}
