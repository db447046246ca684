import type { DrizzleDriver } from './driver.ts'

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
    // The handle shows nothing, and its end is not shown either: a commit is never proven here.
    handle: () => ({ unusable: () => undefined }),
    // It connects again by itself and then calls onListen: what was missed meanwhile is looked up.
    async listen(channel, onNotify) {
      const listening = await postgres.listen(channel, onNotify, onNotify)
      return () => listening.unlisten()
    },
  }
}
