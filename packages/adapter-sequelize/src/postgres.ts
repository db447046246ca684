import { SteppingError } from '@stepping/core'
import { postgres } from '@stepping/sql'
import type { SqlResult, Statement } from '@stepping/sql'
import {
  assertCommitted,
  describeAddress,
  execute,
  listen,
  watchTransaction,
} from '@stepping/sql/node-postgres'
import type {
  PgAddress,
  PgClient,
  PgListener,
  PgQueryable,
  PrepareOption,
} from '@stepping/sql/node-postgres'
import type { Sequelize } from 'sequelize'
import { takeConnection } from './connections.ts'
import type { Connection as Taken } from './connections.ts'
import { over } from './driver.ts'
import type { SequelizeDriver } from './driver.ts'
import { configOf, connectBeside } from './internals.ts'

/** A connection of Sequelize's dialect postgres: a client of node-postgres. */
type Connection = PgClient & PgQueryable

export function postgresDriver(db: Sequelize, { prepare = false }: PrepareOption): SequelizeDriver {
  if (configOf(db).native) {
    throw new SteppingError(
      'NOT_SUPPORTED',
      'pg-native does not show what the server answered to COMMIT: leave out the option native of Sequelize.',
    )
  }
  return {
    dialect: postgres,
    get address() {
      const { username: user, ...rest } = configOf(db)
      return describeAddress({ user, ...rest } as PgAddress)
    },
    limits: {},
    run: (statement) => runAlone(db, statement, prepare),
    guard(connection, opened) {
      const watch = watchTransaction(connection as Connection)
      let proved: (() => boolean) | undefined
      return {
        unusable() {
          const status = statusOf(connection)
          if (watch.ended() !== undefined || status === 'I') return over
          if (status === 'E') return 'a statement in it failed, so it can only be rolled back'
          return undefined
        },
        async execute(statement) {
          const within = opened ? watch : undefined
          const result = await execute(connection as Connection, statement, prepare, within)
          proved = watch.sent()
          return result
        },
        async assertOpen() {}, // it showed above
        async beforeCommit() {},
        assertCommitted: (error) => assertCommitted(watch, error),
        provedCommit: () => proved?.() === true,
      }
    },
    listen: async (channel, onNotify, onLost) =>
      await listen((await connectBeside(db)) as PgListener, channel, onNotify, onLost),
  }
}

function statusOf(connection: object): string | null | undefined {
  return (connection as Connection).getTransactionStatus?.()
}

async function runAlone(db: Sequelize, statement: Statement, prepare: boolean): Promise<SqlResult> {
  const { connection, release, destroy } = await takeIdle(db)
  try {
    const result = await execute(connection as Connection, statement, prepare)
    release()
    return result
  } catch (error) {
    destroy()
    throw error
  }
}

/** A statement on a connection that somebody gave back in a transaction would go with that. */
async function takeIdle(db: Sequelize): Promise<Taken> {
  for (;;) {
    const taken = await takeConnection(db)
    if ((statusOf(taken.connection) ?? 'I') === 'I') return taken
    taken.destroy()
  }
}
