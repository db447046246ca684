import type { Pool, PoolClient } from 'pg'

/** A transaction as one writes it by hand. */
export async function inTransaction(
  pool: Pool,
  work: (client: PoolClient) => Promise<void>,
): Promise<void> {
  const client = await pool.connect()
  await client.query('begin')
  await work(client)
  const { command } = await client.query('commit')
  if (command !== 'COMMIT') throw new Error(`${command} instead of COMMIT.`)
  client.release()
}
