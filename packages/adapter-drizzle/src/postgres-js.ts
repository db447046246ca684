import type { CommitWatch, DrizzleDriver } from './driver.ts'

/** The shapes of postgres-js (`postgres`) that are used. */
interface PostgresJs {
  readonly options: {
    readonly user: string
    readonly host: readonly string[]
    readonly port: readonly number[]
    readonly database: string
  }
  listen(
    channel: string,
    onNotify: () => void,
    onListen: () => void,
  ): Promise<{ unlisten(): Promise<void> }>
}

interface PostgresJsTransaction {
  unsafe(query: string): PromiseLike<unknown>
}

export function postgresJs(client: unknown): DrizzleDriver {
  const postgres = client as PostgresJs
  const { user, host, port, database } = postgres.options
  return {
    address: `postgres://${user}@${host[0]}:${port[0]}/${database}`,
    limits: {
      finishedHandles:
        'postgres-js does not show the state of a transaction: a tx that is kept after its callback writes outside any',
    },
    result(raw) {
      const rows = raw as Record<string, unknown>[] & { count: number }
      return { rows: [...rows], affected: rows.count }
    },
    handle: (session) => ({
      unusable: () => undefined,
      watch: () => watchEnd(session.client as PostgresJsTransaction),
    }),
    // It connects again by itself and then calls onListen: what was missed meanwhile is looked up.
    async listen(channel, onNotify) {
      const listening = await postgres.listen(channel, onNotify, onNotify)
      return () => listening.unlisten()
    },
  }
}

/**
 * postgres-js does not show what COMMIT was answered. A statement right before it does: it fails
 * if the transaction can only be rolled back. Both are sent together, so it costs no round trip.
 */
function watchEnd(client: PostgresJsTransaction): CommitWatch {
  let answer: PromiseLike<'COMMIT' | 'ROLLBACK'> | undefined
  return {
    sent() {},
    // It could have been rolled back to a savepoint of the user's.
    provedCommit: () => false,
    async beforeCommit() {
      // Statements that were begun and not awaited are sent first.
      await new Promise((resolve) => setImmediate(resolve))
      answer = client.unsafe('select 1').then(
        () => 'COMMIT',
        () => 'ROLLBACK',
      )
    },
    end: async () => await answer,
  }
}
