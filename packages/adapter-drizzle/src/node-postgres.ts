import { SteppingError } from '@stepping/core'
import type { CommitWatch, DrizzleDriver } from './driver.ts'

/** The shapes of node-postgres (`pg`) that are used, so that its types are nobody's dependency. */
interface PgPool extends Emitter<'error'> {
  readonly options: object
  readonly totalCount: number
  readonly Client: new (options: object) => PgListener
  connect: () => Promise<PgClient>
  on(event: 'acquire', listener: (client: Emitter<'error'>) => void): unknown
  on(event: 'release', listener: (error: unknown, client: PgClient) => void): unknown
  on(event: 'error', listener: () => void): unknown
}

interface Emitter<E extends string> {
  on(event: E, listener: () => void): unknown
  listeners(event: E): readonly unknown[]
}

interface PgListener {
  readonly user: string
  readonly host: string
  readonly port: number
  readonly database: string
  connect(): Promise<unknown>
  query(text: string): Promise<unknown>
  on(event: 'notification' | 'error' | 'end', listener: () => void): unknown
  end(): Promise<void>
}

interface PgClient {
  /** A new function at each checkout from the pool. */
  readonly release?: (destroy: boolean) => void
  end(): Promise<void>
  /** pg 8.21 and later: T in a transaction, E in a failed one, I idle. */
  getTransactionStatus?(): 'T' | 'E' | 'I' | null
  readonly connection?: {
    on(event: 'commandComplete', listener: (message: { text: string }) => void): unknown
    off(event: 'commandComplete', listener: (message: { text: string }) => void): unknown
  }
}

export function nodePostgres(client: unknown): DrizzleDriver {
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
      return addressOf(pool)
    },
    limits: {
      finishedHandles:
        'node-postgres reuses the connection: a tx that is first shown after its callback looks open while another transaction runs there',
    },
    result(raw) {
      const { rows, rowCount } = raw as { rows: Record<string, unknown>[]; rowCount: number | null }
      return { rows, affected: rowCount ?? 0 }
    },
    handle(session) {
      const connection = session.client as PgClient
      const checkout = connection.release
      return {
        unusable() {
          if (connection.release !== checkout) {
            return 'it is over, and another one uses its connection'
          }
          const status = connection.getTransactionStatus?.()
          if (status === 'I') return 'it is over. Call this inside the callback of db.transaction'
          if (status === 'E') return 'a statement in it failed, so it can only be rolled back'
          return undefined
        },
        watch: () => watchCommands(connection),
      }
    },
    guard: (transaction, begun) => releaseUnlessBegun(pool, transaction, begun),
    listen: (channel, onNotify, onLost) => listen(pool, channel, onNotify, onLost),
  }
}

function watchCommands({ connection }: PgClient): CommitWatch {
  if (!connection) {
    throw new SteppingError(
      'NOT_SUPPORTED',
      'pg-native does not show what the server answered to COMMIT: use the JavaScript client of pg.',
    )
  }
  let last: string | undefined
  let since = Infinity
  const onCommand = ({ text }: { text: string }): void => {
    last = text
    since++
  }
  connection.on('commandComplete', onCommand)
  return {
    sent() {
      since = 0
    },
    // Nothing between our statement and COMMIT: no ROLLBACK TO can have taken its row away.
    provedCommit: () => since === 1 && last === 'COMMIT',
    // oxlint-disable-next-line typescript/require-await -- nothing to wait for: it was heard
    async end() {
      connection.off('commandComplete', onCommand)
      return last
    },
  }
}

function ignore(): void {}

/**
 * A connection that is lost fails the statement that runs on it, and is an 'error' event as well,
 * which ends the process where nobody listens. The pool listens to its idle connections only, and
 * turns theirs into an event of its own.
 */
function surviveLostConnections(pool: PgPool): void {
  if (pool.listeners('error').includes(ignore)) return
  pool.on('error', ignore)
  pool.on('acquire', (client) => {
    if (!client.listeners('error').includes(ignore)) client.on('error', ignore)
  })
  pool.on('release', dropIfInTransaction)
}

/**
 * With `query_timeout`, a ROLLBACK can be given up before it was sent. Whoever got this connection
 * next would write into the transaction that is still open there, and lose it all when it ends.
 * The pool keeps no connection that is ending.
 */
function dropIfInTransaction(_error: unknown, client: PgClient): void {
  const status = client.getTransactionStatus?.()
  if (status === 'T' || status === 'E') void client.end().catch(ignore)
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
  let client: PgClient | undefined
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

function release(client: PgClient | undefined): void {
  try {
    client?.release?.(true)
  } catch {
    // It was given back after all.
  }
}

/** On a connection beside the pool, which may be small. */
async function listen(
  pool: PgPool,
  channel: string,
  onNotify: () => void,
  onLost: () => void,
): Promise<() => Promise<void>> {
  const client = new pool.Client(pool.options)
  let closing = false
  const lost = (): void => {
    if (!closing) onLost()
    closing = true
  }
  client.on('notification', onNotify)
  client.on('error', lost)
  client.on('end', lost)
  const close = async (): Promise<void> => {
    closing = true
    await client.end()
  }
  try {
    await client.connect()
    await client.query(`listen "${channel}"`)
  } catch (error) {
    await close().catch(() => {}) // never connected
    throw error
  }
  return close
}

/** Never with the password. A client knows best what becomes of options, URL and environment. */
function addressOf(pool: PgPool): string {
  const { user, host, port, database } = new pool.Client(pool.options)
  return `postgres://${user}@${host}:${port}/${database}`
}
