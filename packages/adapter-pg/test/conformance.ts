// oxlint-disable-next-line typescript/triple-slash-reference -- other projects take this file, not its folder
/// <reference path="./pg-lowest.d.ts" />
import { commitProxy, postgresProbe } from '@stepping/conformance'
import type { DatabaseHarness, OpenDatabase } from '@stepping/conformance'
import { freshDatabase } from '@stepping/test-support'
import { Client, Pool } from 'pg'
import type { PoolClient, PoolConfig } from 'pg'
import { Pool as LowestPool } from 'pg-lowest'
import { inject } from 'vitest'
import { pg } from '../src/index.ts'

type PoolConstructor = new (config: PoolConfig) => Pool

export const newest = harness('node-postgres', Pool)

/** It does not show the state of a transaction: the server is asked. */
export const lowest = harness('node-postgres 8.11', LowestPool)

/** Statements are sent before the answers of those before them have come. */
export const pipelined = harness('node-postgres in a pipeline, prepared', Pool, {
  pipeline: true,
  prepare: true,
})

interface Settings {
  readonly pipeline?: boolean
  readonly prepare?: boolean
}

function harness(
  name: string,
  PoolOf: PoolConstructor,
  settings: Settings = {},
): DatabaseHarness<PoolClient> {
  return { name, open: () => openOver(PoolOf, settings) }
}

async function openOver(
  PoolOf: PoolConstructor,
  { pipeline = false, prepare = false }: Settings,
): Promise<OpenDatabase<PoolClient>> {
  const fresh = await freshDatabase(inject('postgresUrl'), 'conformance')
  const { hostname, port } = new URL(fresh.url)
  const proxy = await commitProxy({ host: hostname, port: Number(port) })
  const url = Object.assign(new URL(fresh.url), { hostname: '127.0.0.1', port: `${proxy.port}` })
  const pool = new PoolOf({ connectionString: url.href, max: 10, pipeline })
  const raw = new Client({ connectionString: fresh.url })
  await raw.connect()
  await raw.query('create table notes (text text primary key)')
  return {
    over: ({ name, tables }) =>
      pg(pool, { name, prepare, ...(tables !== undefined && { schema: tables }) }),
    write: (client, text) => client.query('insert into notes values ($1)', [text]),
    async read(client) {
      const { rows } = await client.query<{ text: string }>('select text from notes')
      return rows.map((row) => row.text)
    },
    mistakes: { 'the pool': pool, 'a client of its own': raw },
    openByHand: (work) => byHand(pool, work),
    async begin() {
      const client = await pool.connect()
      await client.query('begin')
      let over = false
      return {
        tx: client,
        commit: () => client.query('commit'),
        async end() {
          if (over) return
          over = true
          await client.query('rollback').catch(() => {}) // its connection may be cut
          client.release()
        },
      }
    },
    async savepoint(client, work) {
      await client.query('savepoint nested')
      try {
        await work(client)
        await client.query('release savepoint nested')
      } catch (error) {
        await client.query('rollback to savepoint nested')
        throw error
      }
    },
    doom: (client) => client.query('select 1 / 0'),
    rollback: (client) => client.query('rollback'),
    failOnce: { lacking: 'this adapter runs a callback once' },
    loseCommit: (part) => proxy.lose(part),
    probe: postgresProbe(async (query, values) => (await raw.query<object>(query, values)).rows),
    async close() {
      await Promise.all([pool.end(), raw.end()])
      await proxy.close()
      await fresh.drop()
    },
  }
}

/** As users write it. */
async function byHand<R>(pool: Pool, work: (client: PoolClient) => Promise<R>): Promise<R> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const value = await work(client)
    await client.query('commit')
    return value
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
