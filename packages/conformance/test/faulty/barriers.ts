import { postgres, sql } from '@stepping/sql'
import { dialect, tomorrow } from './changed-driver.ts'
import { run } from './plain-postgres.ts'
import type { DatabaseFault } from './plain-postgres.ts'

/** What the barrier does wrong. */
const inserts: readonly DatabaseFault[] = [
  {
    name: 'statements go through the pool, not through the transaction',
    rejectedBy: 'a rollback leaves no row',
    driver: (healthy, pool) => ({
      ...healthy,
      bind: (client) => ({
        ...healthy.bind(client),
        opened: true,
        execute: (statement) => run(pool, statement),
      }),
    }),
  },
  {
    name: 'a plain insert, where a gid that is there already is the error of the server',
    rejectedBy: 'a gid that is committed already is a duplicate, whose rows are not committed',
    driver: dialect({
      async insertBarrier(tables, execute, { gid }) {
        await execute(sql`insert into ${tables.barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
          values ('msg', ${gid}::text, '00', 'msg', '01', 'msg')`)
        return 'inserted'
      },
    }),
  },
  {
    name: 'an upsert that overwrites what was decided',
    rejectedBy: 'decided as rolled back, a late transaction cannot commit, and its rows are gone',
    driver: dialect({
      async insertBarrier(tables, execute, { gid }) {
        await execute(sql`insert into ${tables.barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
          values ('msg', ${gid}::text, '00', 'msg', '01', 'msg')
          on conflict (gid, branch_id, op, barrier_id) do update set reason = excluded.reason`)
        return 'inserted'
      },
    }),
  },
  {
    name: 'a row that is there already is taken for inserted',
    rejectedBy: 'a gid twice in one transaction is a duplicate',
    driver: dialect({
      async insertBarrier(...args) {
        const found = await postgres.insertBarrier(...args)
        return found === 'exists' ? 'inserted' : found
      },
    }),
  },
  {
    name: 'no unique index',
    rejectedBy: 'of eight transactions with one gid at once, one commits',
    driver: dialect({
      migrations: {
        ...postgres.migrations,
        migrations: postgres.migrations.migrations.map((migration) => ({
          ...migration,
          statements: (tables) => [
            ...migration.statements(tables),
            sql`alter table ${tables.barrier} drop constraint uniq_barrier`,
          ],
        })),
      },
      async insertBarrier(tables, execute, { gid }) {
        const { affected } = await execute(sql`
          insert into ${tables.barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
          select 'msg', ${gid}::text, '00', 'msg', '01', 'msg'
          where not exists (select 1 from ${tables.barrier} where gid = ${gid}::text)`)
        return affected === 1 ? 'inserted' : 'exists'
      },
    }),
  },
  {
    name: 'gids are cut',
    rejectedBy: 'gids that differ in their 128th character only are two',
    driver: dialect({
      insertBarrier: (tables, execute, key, ...rest) =>
        postgres.insertBarrier(tables, execute, { ...key, gid: key.gid.slice(0, 127) }, ...rest),
    }),
  },
  {
    name: 'an insert that comes too late is taken',
    rejectedBy: 'a row that comes too late is refused, and so is its transaction',
    driver: dialect({
      insertBarrier: (tables, execute, key, ...rest) =>
        postgres.insertBarrier(tables, execute, { ...key, notAfter: tomorrow() }, ...rest),
    }),
  },
  {
    name: 'another database takes the row',
    rejectedBy: 'a row is refused by a database with another identity',
    database: (healthy) => ({
      barrier: {
        ...healthy.barrier,
        insert: async (context, key, reason) =>
          await healthy.barrier.insert(
            context,
            { ...key, identity: await healthy.identity(context) },
            reason,
          ),
      },
    }),
  },
]

/** What the answer does wrong. */
const answers: readonly DatabaseFault[] = [
  {
    name: 'a missing row is taken for rolled back, and nothing is decided',
    rejectedBy: 'decided as rolled back, a late transaction cannot commit, and its rows are gone',
    driver: dialect({
      async resolveBarrier(tables, execute, { gid }) {
        const { rows } = await execute(postgres.readReason(tables, gid))
        return rows[0] ? (rows[0]['reason'] as 'msg') : 'rollback'
      },
    }),
  },
  {
    name: 'a missing row is taken for committed',
    rejectedBy: 'rolled back, every answer says so',
    driver: dialect({
      async resolveBarrier(tables, execute, { gid }) {
        const { rows } = await execute(postgres.readReason(tables, gid))
        return rows[0] ? (rows[0]['reason'] as 'rollback') : 'msg'
      },
    }),
  },
  {
    name: 'an answer that overwrites what was committed',
    rejectedBy: 'committed first, every answer says so',
    driver: dialect({
      async resolveBarrier(tables, execute, { gid }) {
        await execute(sql`insert into ${tables.barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
          values ('msg', ${gid}::text, '00', 'msg', '01', 'rollback')
          on conflict (gid, branch_id, op, barrier_id) do update set reason = 'rollback'`)
        return 'rollback'
      },
    }),
  },
  {
    name: 'an open transaction is taken for rolled back',
    rejectedBy:
      'while it is open nothing is decided, and the asker is told soon; after its commit it is committed',
    driver: dialect({
      async resolveBarrier(tables, execute, { gid }) {
        const { rows } = await execute(
          sql`select reason from ${tables.barrier} where gid = ${gid}::text`,
        )
        return (rows[0]?.['reason'] ?? 'rollback') as 'msg' | 'rollback'
      },
    }),
  },
  {
    name: 'the answer waits for an open transaction',
    rejectedBy: 'twenty who ask at once are all told soon',
    driver: dialect({
      async resolveBarrier(tables, execute, { gid }) {
        const { rows } = await execute(sql`
          insert into ${tables.barrier} as b (trans_type, gid, branch_id, op, barrier_id, reason)
          values ('msg', ${gid}::text, '00', 'msg', '01', 'rollback')
          on conflict (gid, branch_id, op, barrier_id) do update set reason = b.reason
          returning reason`)
        return rows[0]!['reason'] as 'msg'
      },
    }),
  },
  {
    name: 'a question that comes too late is answered',
    rejectedBy: 'a question that comes too late is not answered',
    driver: dialect({
      resolveBarrier: (tables, execute, key) =>
        postgres.resolveBarrier(tables, execute, { ...key, notAfter: tomorrow() }),
    }),
  },
  {
    name: 'another database answers',
    rejectedBy: 'a database that took the name of another does not answer for it',
    database: (healthy) => ({
      barrier: {
        ...healthy.barrier,
        resolve: async (key) =>
          await healthy.barrier.resolve({ ...key, identity: await healthy.identity() }),
      },
    }),
  },
  {
    name: 'the answer looks at the default tables',
    rejectedBy: "tables of the user's naming are used for the insert and for the answer",
    driver: dialect({
      async resolveBarrier(_tables, execute, { gid }) {
        const tables = postgres.tables({})
        const { rows } = await execute(postgres.readReason(tables, gid))
        return rows[0] ? (rows[0]['reason'] as 'msg') : 'rollback'
      },
    }),
  },
]

export const barrierFaults: readonly DatabaseFault[] = [...inserts, ...answers]
