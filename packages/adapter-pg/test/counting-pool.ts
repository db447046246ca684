import type { EventEmitter } from 'node:events'
import { Client, Pool } from 'pg'
import type { ClientConfig } from 'pg'

export interface Counts {
  statements: number
  /** Times that a connection was sent something, in one go, while it waited for nothing. */
  roundTrips: number
  notifications: number
  claims: number
  /** Renewals of leases, each of all jobs that run. */
  heartbeats: number
}

const none: Counts = { statements: 0, roundTrips: 0, notifications: 0, claims: 0, heartbeats: 0 }

/** A pool that counts what is sent over it, together with what is counted already. */
export function countingPool(
  connectionString: string,
  pipeline = false,
  counts: Counts = { ...none },
): { pool: Pool; counts: Counts } {
  class CountingClient extends Client {
    #unanswered = 0

    constructor(config?: ClientConfig) {
      super(config)
      const { connection } = this as unknown as { connection: EventEmitter }
      connection.on('readyForQuery', () => (this.#unanswered = Math.max(0, this.#unanswered - 1)))
    }

    override query(...args: unknown[]): never {
      const [query] = args as [string | { text: string }]
      const text = typeof query === 'string' ? query : query.text
      if (text.includes('pg_notify')) counts.notifications++
      // Once for each process, and on a slow machine only after it has started.
      else if (!text.startsWith('listen ')) {
        counts.statements++
        if (this.#unanswered === 0) counts.roundTrips++
      }
      if (text.includes('skip locked')) counts.claims++
      if (text.includes('from mine')) counts.heartbeats++
      this.#unanswered++
      return (super.query as (...all: unknown[]) => never)(...args)
    }
  }
  return { pool: new Pool({ connectionString, max: 10, pipeline, Client: CountingClient }), counts }
}
