import type { PgQueryable } from './query.ts'

/** The shapes of node-postgres (`pg`) that are used, so that its types are nobody's dependency. */
export interface PgPool extends PgEmitter {
  readonly options: object
  readonly totalCount: number
  readonly ending: boolean
  readonly Client: new (options: object) => PgListener & { connect(): Promise<unknown> }
  connect: () => Promise<PooledPgClient>
  on(event: 'acquire', listener: (client: PgEmitter) => void): unknown
  on(event: 'release', listener: (error: unknown, client: PgClient) => void): unknown
  on(event: 'error', listener: () => void): unknown
}

export interface PgEmitter {
  on(event: 'error', listener: () => void): unknown
  listeners(event: 'error'): readonly unknown[]
}

/** Where a client connects to, or would. */
export interface PgAddress {
  readonly user: string
  readonly host: string
  readonly port: number
  readonly database: string
}

/** A connection of one's own. */
export interface PgListener extends PgAddress {
  query(text: string): Promise<unknown>
  on(event: 'notification' | 'error' | 'end', listener: () => void): unknown
  end(): Promise<void>
}

/** What of a connection is looked at. */
export interface PgClient {
  end(): Promise<void>
  /** pg 8.21 and later: T in a transaction, E in a failed one, I idle. */
  getTransactionStatus?(): 'T' | 'E' | 'I' | null
  /** pg 8.22 and later: statements are sent without waiting for the answers before. */
  readonly pipeline?: boolean
  /** What the server says; pg-native does not show it. */
  readonly connection?: PgConnection
}

/** A connection that a pool hands out. */
export interface PooledPgClient extends PgClient, PgQueryable {
  /** A new function at each checkout. */
  readonly release: (destroy?: boolean) => void
}

/** The messages of the server that are listened to. */
export interface PgMessages {
  commandComplete: { readonly text: string }
  errorMessage: unknown
  readyForQuery: { readonly status: string }
}

export interface PgConnection {
  on<E extends keyof PgMessages>(event: E, listener: (message: PgMessages[E]) => void): unknown
  prependListener<E extends keyof PgMessages>(
    event: E,
    listener: (message: PgMessages[E]) => void,
  ): unknown
  off<E extends keyof PgMessages>(event: E, listener: (message: PgMessages[E]) => void): unknown
}
