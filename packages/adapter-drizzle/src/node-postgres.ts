import { SteppingError } from '@stepping/core'
import {
  commitTogether,
  connectBeside,
  describeAddress,
  execute,
  listen,
  surviveLostConnections,
  watchTransaction,
} from '@stepping/sql/node-postgres'
import type {
  PgPool,
  PgQueryable,
  PooledPgClient,
  PrepareOption,
} from '@stepping/sql/node-postgres'
import type { Statement } from '@stepping/sql'
import { over } from './driver.ts'
import type { DrizzleDriver } from './driver.ts'

export function nodePostgres(client: unknown, { prepare = false }: PrepareOption): DrizzleDriver {
  const pool = client as PgPool
  if (typeof pool?.totalCount !== 'number') {
    // Transactions of one Client that run at once are one transaction to the server: a row that
    // was rolled back in one can be committed by the other.
    throw new SteppingError(
      'DATABASE_INVALID',
      'drizzlePostgres takes Drizzle over a pg Pool: over a single Client, transactions that run at once would run into each other. Use drizzle(new Pool(...)).',
    )
  }
  surviveLostConnections(pool)
  return {
    get address() {
      return describeAddress(new pool.Client(pool.options))
    },
    limits: {
      finishedHandles:
        'node-postgres reuses the connection: a tx that is first shown after its callback looks open while another transaction runs there',
    },
    execute: (session, statement) => execute(session.client as PgQueryable, statement, prepare),
    handle(session) {
      const connection = session.client as PooledPgClient
      const checkout = connection.release
      return {
        unusable() {
          if (connection.release !== checkout) {
            return 'it is over, and another one uses its connection'
          }
          const status = connection.getTransactionStatus?.()
          if (status === 'I') return over
          if (status === 'E') return 'a statement in it failed, so it can only be rolled back'
          return undefined
        },
        watch() {
          const watch = watchTransaction(connection)
          let proved: (() => boolean) | undefined
          let last: Statement | undefined
          return {
            execute: (statement) => execute(connection, statement, prepare, watch),
            isOver: () => watch.ended() !== undefined,
            sent: () => void (proved = watch.sent()),
            sendLast: (statement) => void (last = statement),
            provedCommit: () => proved?.() === true,
            // Not before: what the app sends until then is no COMMIT of Drizzle's.
            async beforeCommit() {
              if (!last) return
              const statement = last
              session.client = withCommit(connection, async () => {
                const together = await commitTogether(connection, statement, prepare, watch)
                proved = () => together
                return together
              })
            },
            end: async () => watch.ended(),
          }
        },
      }
    },
    isEnded: () => pool.ending,
    guard: (transaction, begun) => releaseUnlessBegun(pool, transaction, begun),
    listen: async (channel, onNotify, onLost) =>
      await listen(await connectBeside(pool), channel, onNotify, onLost),
  }
}

/**
 * The client for Drizzle's session from now on, which sends the COMMIT of Drizzle in another way. Nothing is done to the client
 * itself, which others use after it.
 *
 * @param commit Resolves with whether it did; else Drizzle's own goes out.
 */
function withCommit(connection: PooledPgClient, commit: () => Promise<boolean>): PooledPgClient {
  type Query = (query: { readonly text?: string }, ...rest: unknown[]) => unknown
  const asItIs = (connection.query as Query).bind(connection)
  let isSent = false
  const query: Query = async (...args) => {
    if (args[0].text !== 'commit' || isSent) return await asItIs(...args)
    isSent = true
    return (await commit()) ? undefined : await asItIs(...args)
  }
  return Object.create(connection, { query: { value: query } }) as PooledPgClient
}

/**
 * Drizzle does not give a connection back to the pool when BEGIN fails on it, so that each one that
 * is lost there would be one less for ever.
 */
async function releaseUnlessBegun<R>(
  pool: PgPool,
  transaction: () => Promise<R>,
  begun: () => boolean,
): Promise<R> {
  let client: PooledPgClient | undefined
  const { connect } = pool
  pool.connect = async () => (client = await connect.call(pool))
  let running: Promise<R>
  try {
    running = transaction()
  } finally {
    pool.connect = connect // Drizzle has asked by now: it does so before it first waits.
  }
  try {
    return await running
  } catch (error) {
    if (!begun()) release(client)
    throw error
  }
}

function release(client: PooledPgClient | undefined): void {
  try {
    client?.release(true)
  } catch {
    // It was given back after all.
  }
}
