import { mysql } from '@stepping/sql'
import { commit, guardTransaction, ownTransaction, queryBy, runAlone } from '@stepping/sql/mysql2'
import type { CallbackConnection, Mysql2Connection } from '@stepping/sql/mysql2'
import type { Sequelize } from 'sequelize'
import { takeConnection } from './connections.ts'
import type { SequelizeDriver } from './driver.ts'
import { configOf } from './internals.ts'

/** A statement as mysql2's promises answer it. */
export type Query = Mysql2Connection['query']

/** Sequelize's dialect mysql: connections of mysql2, with callbacks. */
export function mysqlDriver(db: Sequelize): SequelizeDriver {
  return overMysql2(db, (connection) => queryBy(connection as CallbackConnection))
}

export function overMysql2(db: Sequelize, queryOn: (connection: object) => Query): SequelizeDriver {
  const pool = {
    async getConnection(): Promise<Mysql2Connection> {
      const taken = await takeConnection(db)
      return { ...taken, query: queryOn(taken.connection) }
    },
  }
  return {
    dialect: mysql,
    get address() {
      const { username, host, port, database } = configOf(db)
      return `mysql://${username ?? ''}@${host}:${port}/${database ?? ''}`
    },
    limits: {},
    run: (statement) => runAlone(pool, statement),
    guard(core, _opened, isOwn) {
      // It is Sequelize that gives it back.
      const connection = { connection: core, query: queryOn(core), release() {}, destroy() {} }
      const guard = isOwn ? ownTransaction(connection) : guardTransaction(connection)
      let committed = false
      let proved = false
      return {
        unusable: () => undefined,
        execute: (statement) => guard.execute(statement),
        assertOpen: () => guard.assertOpen(),
        async beforeCommit() {
          proved = await commit(connection, guard)
          committed = true
        },
        assertCommitted(error) {
          if (!committed) throw error
        },
        provedCommit: () => proved,
      }
    },
  }
}
