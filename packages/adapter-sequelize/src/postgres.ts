import { isSteppingError, SteppingError } from '@stepping/core'
import { postgres, transactionUnusable } from '@stepping/sql'
import type { SqlResult, Statement } from '@stepping/sql'
import {
  allAnswered,
  assertCommitted,
  commitTogether,
  describeAddress,
  execute,
  isOfLast,
  listen,
  watchTransaction,
} from '@stepping/sql/node-postgres'
import type {
  PgAddress,
  PgClient,
  PgListener,
  PgQueryable,
  PrepareOption,
  TransactionWatch,
} from '@stepping/sql/node-postgres'
import type { Sequelize } from 'sequelize'
import { takeConnection } from './connections.ts'
import type { Connection as Taken } from './connections.ts'
import { over } from './driver.ts'
import type { OpenTransaction, SequelizeDriver } from './driver.ts'
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
    guard(transaction) {
      const connection = transaction.connection as Connection
      const watch = watchTransaction(connection)
      let proved: (() => boolean) | undefined
      let last: Statement | undefined
      return {
        unusable() {
          const status = statusOf(connection)
          if (watch.ended() !== undefined || status === 'I') return over
          if (status === 'E') return 'a statement in it failed, so it can only be rolled back'
          return undefined
        },
        answered: () => allAnswered(connection, watch),
        async execute(statement) {
          const result = await execute(connection, statement, prepare)
          proved = watch.sent()
          return result
        },
        async assertOpen() {}, // it showed above
        sendLast: (statement) => void (last = statement),
        isOfLast: (error) => last !== undefined && isOfLast(error, watch.ended()),
        async beforeCommit() {
          if (!last) return
          const commit = commitTogether(connection, last, prepare, watch)
          const together = await withoutOthers(transaction, watch, commit)
          proved = () => together
        },
        assertCommitted: (error) => assertCommitted(watch, error),
        provedCommit: () => proved?.() === true,
      }
    },
    listen: async (channel, onNotify, onLost) =>
      await listen((await connectBeside(db)) as PgListener, channel, onNotify, onLost),
  }
}

type Answer = (error: unknown, result?: { readonly rows: []; readonly rowCount: null }) => void

/**
 * Has Sequelize answered the COMMIT that it sends when its own was sent already, as that was answered; until then
 * nothing of the user's gets through, which would commit by itself. Nothing is done to the connection itself,
 * which others use after it.
 *
 * @param commit Resolves with whether it committed. If not, Sequelize's own goes out.
 */
async function withoutOthers(
  transaction: OpenTransaction,
  watch: TransactionWatch,
  commit: Promise<boolean>,
): Promise<boolean> {
  const connection = transaction.connection as Connection
  const restore = (): void => void (transaction.connection = connection)
  let refusal: unknown = null
  const query = (sql: string, ...rest: unknown[]): unknown => {
    const answer = rest.at(-1) as Answer
    if (sql === 'COMMIT;') {
      restore()
      return answer(refusal, { rows: [], rowCount: null })
    }
    if (sql !== 'ROLLBACK;') return answer(transactionUnusable(over))
    restore()
    return (connection.query as (...all: unknown[]) => unknown)(sql, ...rest)
  }
  transaction.connection = Object.create(connection, { query: { value: query } }) as object
  try {
    const isCommitted = await commit
    if (!isCommitted) restore()
    return isCommitted
  } catch (error) {
    await allAnswered(connection, watch)
    // Sequelize rolls back, unless it was the COMMIT that was refused: then it is told of that as of its own.
    if (isSteppingError(error) || watch.ended() === undefined) {
      restore()
      throw error
    }
    refusal = error
    return false
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
