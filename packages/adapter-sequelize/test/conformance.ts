import { commitProxy, mysqlProbe, postgresProbe } from '@stepping/conformance'
import type { CommitProxy, DatabaseHarness, OpenDatabase } from '@stepping/conformance'
import { freshDatabase, freshMysqlDatabase } from '@stepping/test-support'
import { createConnection } from 'mysql2/promise'
import type { RowDataPacket } from 'mysql2/promise'
import { Client } from 'pg'
import { DataTypes, Sequelize } from 'sequelize'
import type { Dialect, Model, ModelStatic, Transaction } from 'sequelize'
import { Sequelize as LowestSequelize } from 'sequelize-lowest'
import { inject } from 'vitest'
import { sequelize } from '../src/index.ts'

export const onPostgres = overPostgres('Sequelize on PostgreSQL', Sequelize)

/** The lowest that is taken. */
export const onLowest = overPostgres('Sequelize 6.29 on PostgreSQL', LowestSequelize)

function overPostgres(name: string, SequelizeOf: typeof Sequelize): DatabaseHarness<Transaction> {
  return { name, open: () => openOnPostgres(SequelizeOf) }
}

async function openOnPostgres(SequelizeOf: typeof Sequelize): Promise<OpenDatabase<Transaction>> {
  const fresh = await freshDatabase(inject('postgresUrl'), 'conformance')
  const { proxy, db } = await throughProxy(fresh.url, 'postgres', SequelizeOf)
  const raw = new Client({ connectionString: fresh.url })
  await raw.connect()
  await raw.query('create table notes (text text primary key)')
  return {
    ...opened(db),
    over: ({ name, tables }) =>
      sequelize(db, { name, ...(tables !== undefined && { schema: tables }) }),
    doom: (transaction) => db.query('select 1 / 0', { transaction }),
    loseCommit: (part) => proxy.lose(part),
    probe: postgresProbe(async (query, values) => (await raw.query<object>(query, values)).rows),
    async close() {
      await Promise.all([db.close(), raw.end()])
      await proxy.close()
      await fresh.drop()
    },
  }
}

export const overMysql2 = onMysql('Sequelize over mysql2', 'mysql')

export const overMariadb = onMysql('Sequelize over mariadb', 'mariadb')

function onMysql(name: string, dialect: Dialect): DatabaseHarness<Transaction> {
  return {
    name,
    async open() {
      const fresh = await freshMysqlDatabase(inject('mysqlUrl'), 'conformance')
      const { proxy, db } = await throughProxy(fresh.url, dialect)
      const raw = await createConnection(fresh.url)
      await raw.query('create table notes (text varchar(200) primary key)')
      return {
        ...opened(db),
        over: ({ name: named, tables }) =>
          sequelize(db, { name: named, ...(tables !== undefined && { prefix: tables }) }),
        // As the server does itself in a deadlock.
        doom: (transaction) => db.query('rollback', { transaction }),
        loseCommit: (part) => proxy.lose(part),
        probe: mysqlProbe(
          async (text, values) => (await raw.query<RowDataPacket[]>(text, values))[0],
        ),
        async close() {
          await Promise.all([db.close(), raw.end()])
          await proxy.close()
          await fresh.drop()
        },
      }
    },
  }
}

async function throughProxy(
  url: string,
  dialect: Dialect,
  SequelizeOf: typeof Sequelize = Sequelize,
): Promise<{ proxy: CommitProxy; db: Sequelize }> {
  const { hostname, port, username, password, pathname } = new URL(url)
  const proxy = await commitProxy({ host: hostname, port: Number(port) })
  const db = new SequelizeOf(pathname.slice(1), username, password, {
    dialect,
    host: '127.0.0.1',
    port: proxy.port,
    logging: false,
    pool: { max: 10 },
  })
  return { proxy, db }
}

function opened(
  db: Sequelize,
): Omit<OpenDatabase<Transaction>, 'over' | 'doom' | 'loseCommit' | 'probe' | 'close'> {
  const notes: ModelStatic<Model<{ text: string }>> = db.define(
    'notes',
    { text: { type: DataTypes.STRING(200), primaryKey: true } },
    { timestamps: false, freezeTableName: true },
  )
  return {
    write: (transaction, text) => notes.create({ text }, { transaction }),
    async read(transaction) {
      return (await notes.findAll({ transaction })).map((note) => note.get().text)
    },
    mistakes: { 'the instance': db },
    openByHand: (work) => db.transaction(work),
    rollback: (transaction) => db.query('rollback', { transaction }),
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
    failOnce: { lacking: 'Sequelize runs a callback once' },
  }
}
