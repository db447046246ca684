import { commitProxy, postgresProbe } from '@stepping/conformance'
import type { DatabaseHarness, OpenDatabase } from '@stepping/conformance'
import { freshDatabase } from '@stepping/test-support'
import { Client } from 'pg'
import { DataTypes, Sequelize } from 'sequelize'
import type { Model, ModelStatic, Transaction } from 'sequelize'
import { inject } from 'vitest'
import { sequelize } from '../src/index.ts'

export const onPostgres: DatabaseHarness<Transaction> = {
  name: 'Sequelize on PostgreSQL',
  async open() {
    const fresh = await freshDatabase(inject('postgresUrl'), 'conformance')
    const { hostname, port } = new URL(fresh.url)
    const proxy = await commitProxy({ host: hostname, port: Number(port) })
    const url = Object.assign(new URL(fresh.url), { hostname: '127.0.0.1', port: `${proxy.port}` })
    const db = new Sequelize(url.href, { logging: false, pool: { max: 10 } })
    const raw = new Client({ connectionString: fresh.url })
    await raw.connect()
    await raw.query('create table notes (text text primary key)')
    return {
      ...opened(db),
      over: ({ name, tables }) =>
        sequelize(db, { name, ...(tables !== undefined && { schema: tables }) }),
      loseCommit: (part) => proxy.lose(part),
      probe: postgresProbe(async (query, values) => (await raw.query<object>(query, values)).rows),
      async close() {
        await Promise.all([db.close(), raw.end()])
        await proxy.close()
        await fresh.drop()
      },
    }
  },
}

function opened(
  db: Sequelize,
): Omit<OpenDatabase<Transaction>, 'over' | 'loseCommit' | 'probe' | 'close'> {
  const notes: ModelStatic<Model<{ text: string }>> = db.define(
    'notes',
    { text: { type: DataTypes.TEXT, primaryKey: true } },
    { timestamps: false, freezeTableName: true },
  )
  return {
    write: (transaction, text) => notes.create({ text }, { transaction }),
    async read(transaction) {
      return (await notes.findAll({ transaction })).map((note) => note.get().text)
    },
    mistakes: { 'the instance': db },
    openByHand: (work) => db.transaction(work),
    async begin() {
      const tx = await db.transaction()
      let over = false
      return {
        tx,
        commit: () => tx.commit(),
        async end() {
          if (over) return
          over = true
          await tx.rollback().catch(() => {}) // it is over
        },
      }
    },
    savepoint: (transaction, work) => db.transaction({ transaction }, work),
    doom: (transaction) => db.query('select 1 / 0', { transaction }),
    failOnce: { lacking: 'Sequelize runs a callback once' },
  }
}
