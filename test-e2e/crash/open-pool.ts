import { Pool } from 'pg'

/** A pool whose connections may be cut: by an outage, or by the drop of their database after the test. */
export function openPool(connectionString: string): Pool {
  const pool = new Pool({ connectionString, max: 10 })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}
