/** The shapes of mysql2 that are used, so that its types are nobody's dependency. */
export interface Mysql2Pool<C = Mysql2Connection> {
  getConnection(): Promise<C>
}

/** What the promises of a pool are wrapped around. */
export interface CorePool {
  readonly config: { readonly connectionConfig: Mysql2Address }
}

/** Where a pool connects to. */
export interface Mysql2Address {
  readonly host?: string
  readonly port?: number
  readonly socketPath?: string
  readonly user?: string
  readonly database?: string
}

/** A connection that a pool of promises handed out: another object each time, around the same connection. */
export interface PooledConnection {
  readonly connection: object
  release(): void
  destroy(): void
}

/** A connection to send this library's statements on. */
export interface Mysql2Connection extends PooledConnection {
  query(options: { readonly sql: string }): Promise<readonly [unknown, unknown?]>
}

/** With callbacks, as mysql2's own are. */
export interface CallbackConnection {
  query(options: object, callback: (error: Error | null, answer?: unknown) => void): unknown
}

/**
 * By the callbacks of mysql2: before each statement its promises take down who called, which is 20
 * microseconds, as much as all else that it does for one.
 */
export function queryBy(core: CallbackConnection): Mysql2Connection['query'] {
  return (options) =>
    new Promise((resolve, reject) => {
      core.query(options, (error, answer) => (error ? reject(error) : resolve([answer])))
    })
}

/** What a pool handed out, to send on past its promises. */
export function sender(pooled: PooledConnection): Mysql2Connection {
  const core = pooled.connection as CallbackConnection
  return {
    connection: core,
    query: queryBy(core),
    release: () => pooled.release(),
    destroy: () => pooled.destroy(),
  }
}

/** The connection itself: what mysql2's types keep internal, and what may be missing. */
export interface CoreConnection {
  readonly stream?: { readonly bytesWritten?: number }
  readonly config?: { readonly typeCast?: unknown }
  /** Null once it is no good any more. */
  readonly _pool?: unknown
  readonly _released?: boolean
  /** What is being answered, and what waits for its turn. */
  readonly _command?: unknown
  readonly _commands?: { readonly length: number }
}

export function corePoolOf(pool: object): CorePool | undefined {
  const { pool: core } = (pool ?? {}) as { readonly pool?: Partial<CorePool> }
  return core?.config?.connectionConfig ? (core as CorePool) : undefined
}

export function coreOf({ connection }: PooledConnection): CoreConnection {
  return connection
}

/** How much was sent on the connection so far, if nothing is under way on it; undefined if that does not show. */
export function bytesWhenQuiet(connection: PooledConnection): number | undefined {
  return isBusy(connection) ? undefined : coreOf(connection).stream?.bytesWritten
}

export function isBusy(connection: PooledConnection): boolean {
  const { _command: current, _commands: waiting } = coreOf(connection)
  return Boolean(current) || (waiting?.length ?? 0) > 0
}
