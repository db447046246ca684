import { SteppingError } from '@stepping/core'
import { errorCode } from '@stepping/sql'
import { over } from './driver.ts'
import type { CommitWatch, DrizzleDriver } from './driver.ts'

/** The shapes of postgres-js (`postgres`) that are used. */
interface PostgresJs {
  readonly options: {
    readonly user: string
    readonly host: readonly string[]
    readonly port: readonly number[]
    readonly database: string
    readonly transform: { readonly column: { readonly from?: unknown } }
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
  const { user, host, port, database, transform } = postgres.options
  if (transform.column.from) {
    throw new SteppingError(
      'DATABASE_INVALID',
      'This postgres-js client renames columns (its option transform), also those of other libraries’ statements. Give Drizzle a client without it, which it does not need: Drizzle has its own casing.',
    )
  }
  return {
    address: `postgres://${user}@${host[0]}:${port[0]}/${database}`,
    hidesEnd: true,
    limits: {
      finishedHandles:
        'postgres-js does not show the state of a transaction: a tx that is kept after its callback looks open while another transaction uses its connection',
    },
    result(raw) {
      const rows = raw as Record<string, unknown>[] & { count: number }
      return { rows: [...rows], affected: rows.count }
    },
    handle: ({ client: transaction }) => ({
      unusable: () => undefined,
      probe: () => probe(transaction as PostgresJsTransaction),
      watch: () => watchEnd(transaction as PostgresJsTransaction),
    }),
    // It connects again by itself and then calls onListen: what was missed meanwhile is looked up.
    async listen(channel, onNotify) {
      const listening = await postgres.listen(channel, onNotify, onNotify)
      return () => listening.unlisten()
    },
  }
}

/**
 * A savepoint can only be made in a transaction (else 25P01). Comparing the times of the statement
 * and of the transaction would not do: with parameters they differ outside of one as well.
 */
async function probe(client: PostgresJsTransaction): Promise<string | undefined> {
  try {
    await client.unsafe('savepoint stepping_probe; release savepoint stepping_probe')
    return undefined
  } catch (error) {
    if (errorCode(error) === '25P01') {
      return over
    }
    if (errorCode(error) === '25P02') {
      return 'a statement in it failed, so it can only be rolled back'
    }
    throw error
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
