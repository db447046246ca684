import { describeDatabase } from '@stepping/conformance'
import { createPool } from 'mysql2/promise'
import type { Pool, PoolOptions } from 'mysql2/promise'
import { harnessOver } from './conformance.ts'

interface Query {
  query(statement: string | { readonly sql: string }, values?: unknown): Promise<never>
}

/**
 * Without what only MariaDB reads of a statement: whether a transaction is open has to be told by
 * the state of the connection and by the marker row alone, as on MySQL.
 */
function asOnMysql(options: PoolOptions): Pool {
  const pool = createPool(options)
  const getConnection = pool.getConnection.bind(pool)
  pool.getConnection = async () => {
    const connection = await getConnection()
    const query: Query['query'] = (connection as unknown as Query).query.bind(connection)
    const stripped: Query['query'] = (statement, values) =>
      typeof statement === 'string'
        ? query(statement, values)
        : query({ ...statement, sql: statement.sql.replaceAll(onlyMariadb, '') }, values)
    return Object.assign(connection, { query: stripped })
  }
  return pool
}

/** Not all of it: there is no other way to say `nowait` to the server that is here. */
const onlyMariadb = /\/\*M! (and @@in_transaction = 1|\+ 1) \*\//g

describeDatabase(harnessOver('mysql2, as on MySQL', asOnMysql))
