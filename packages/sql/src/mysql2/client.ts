/** The shapes of mysql2's promise interface that are used, so that its types are nobody's dependency. */
export interface Mysql2Pool<C extends Mysql2Connection = Mysql2Connection> {
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

/** A connection that a pool handed out: another object each time, around the same connection. */
export interface Mysql2Connection {
  readonly connection: object
  query(options: { readonly sql: string }): Promise<readonly [unknown, unknown?]>
  release(): void
  destroy(): void
}

/** The connection itself: what mysql2's types keep internal, and what may be missing. */
export interface CoreConnection {
  readonly stream?: { readonly bytesWritten?: number }
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

export function coreOf({ connection }: Mysql2Connection): CoreConnection {
  return connection
}

/** How much was sent on the connection so far, if nothing is under way on it; undefined if that does not show. */
export function bytesWhenQuiet(connection: Mysql2Connection): number | undefined {
  return isBusy(connection) ? undefined : coreOf(connection).stream?.bytesWritten
}

export function isBusy(connection: Mysql2Connection): boolean {
  const { _command: current, _commands: waiting } = coreOf(connection)
  return Boolean(current) || (waiting?.length ?? 0) > 0
}
