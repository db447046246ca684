import { commitProxy, mysqlProbe } from '@stepping/conformance'
import type { DatabaseHarness, OpenDatabase } from '@stepping/conformance'
import { freshMysqlDatabase } from '@stepping/test-support'
import { createConnection } from 'mysql2/promise'
import type { Pool, PoolConnection, PoolOptions, RowDataPacket } from 'mysql2/promise'
import { inject } from 'vitest'
import { mysql2 } from '../src/index.ts'

/** `createPool` of one version, over which the connections may be changed. */
export function harnessOver(
  library: string,
  makePool: (options: PoolOptions) => Pool,
): DatabaseHarness<PoolConnection> {
  return { name: library, open: () => openOver(makePool) }
}

async function openOver(
  makePool: (options: PoolOptions) => Pool,
): Promise<OpenDatabase<PoolConnection>> {
  const fresh = await freshMysqlDatabase(inject('mysqlUrl'), 'conformance')
  const { hostname, port } = new URL(fresh.url)
  const proxy = await commitProxy({ host: hostname, port: Number(port) })
  const url = Object.assign(new URL(fresh.url), { hostname: '127.0.0.1', port: `${proxy.port}` })
  const pool = makePool({ uri: url.href, connectionLimit: 10 })
  const raw = await createConnection(fresh.url)
  await raw.query('create table notes (text varchar(200) primary key)')
  return {
    over: ({ name, tables }) =>
      mysql2(pool, { name, ...(tables !== undefined && { prefix: tables }) }),
    write: (connection, text) => connection.query('insert into notes values (?)', [text]),
    async read(connection) {
      const [rows] = await connection.query<RowDataPacket[]>('select text from notes')
      return rows.map((row) => row['text'] as string)
    },
    mistakes: { 'the pool': pool, 'a connection of its own': raw },
    openByHand: (work) => byHand(pool, work),
    async begin() {
      const connection = await pool.getConnection()
      await connection.beginTransaction()
      let over = false
      return {
        tx: connection,
        commit: () => connection.commit(),
        async end() {
          if (over) return
          over = true
          await connection.rollback().catch(() => {}) // its connection may be cut
          connection.release()
        },
      }
    },
    async savepoint(connection, work) {
      await connection.query('savepoint nested')
      try {
        await work(connection)
        await connection.query('release savepoint nested')
      } catch (error) {
        await connection.query('rollback to savepoint nested')
        throw error
      }
    },
    // As the server does itself in a deadlock; see deadlock.test.ts for real ones.
    doom: (connection) => connection.query('rollback'),
    rollback: (connection) => connection.query('rollback'),
    failOnce: { lacking: 'this adapter runs a callback once' },
    loseCommit: (part) => proxy.lose(part),
    probe: mysqlProbe(async (text, values) => (await raw.query<RowDataPacket[]>(text, values))[0]),
    async close() {
      await Promise.all([pool.end(), raw.end()])
      await proxy.close()
      await fresh.drop()
    },
  }
}

/** As users write it. */
export async function byHand<R>(
  pool: Pool,
  work: (connection: PoolConnection) => Promise<R>,
): Promise<R> {
  const connection = await pool.getConnection()
  try {
    await connection.beginTransaction()
    const value = await work(connection)
    await connection.commit()
    return value
  } catch (error) {
    await connection.rollback()
    throw error
  } finally {
    connection.release()
  }
}
