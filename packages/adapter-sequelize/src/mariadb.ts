import type { Sequelize } from 'sequelize'
import type { SequelizeDriver } from './driver.ts'
import { overMysql2 } from './mysql.ts'
import type { Query } from './mysql.ts'

/** A connection of Sequelize's dialect mariadb, which is MariaDB's own driver. */
interface Connection {
  /** What the server said last. */
  readonly info: { readonly status: number }
  query(options: object): Promise<{ readonly affectedRows: number } | unknown[]>
}

/** Settings of the instance that would change what rows look like. */
const plainly = { rowsAsArray: false, nestTables: false, namedPlaceholders: false, typeCast: null }

export function mariadbDriver(db: Sequelize): SequelizeDriver {
  return overMysql2(db, (connection) => queryOn(connection as Connection))
}

/** In the words of mysql2. */
function queryOn(connection: Connection): Query {
  return async ({ sql }) => {
    try {
      const answer = await connection.query({ ...plainly, sql })
      if (Array.isArray(answer)) return [answer]
      return [{ ...answer, serverStatus: connection.info.status }]
    } catch (error) {
      throw withoutStatement(error)
    }
  }
}

/** This driver puts the statement into the message, and in that are the values. */
function withoutStatement(error: unknown): unknown {
  if (!(error instanceof Error) || !('sqlMessage' in error)) return error
  const { sqlMessage } = error
  if (typeof sqlMessage === 'string') error.message = sqlMessage
  return Object.assign(error, { sql: undefined })
}
