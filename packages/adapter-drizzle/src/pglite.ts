import type { DrizzleDriver } from './driver.ts'

export function pglite(client: unknown): DrizzleDriver {
  const { dataDir } = client as { dataDir?: string }
  return {
    address: `PGlite ${dataDir ?? 'in memory'}`,
    limits: { parallelTransactions: 'PGlite has one connection' },
    result(raw) {
      const { rows, affectedRows } = raw as {
        rows: Record<string, unknown>[]
        affectedRows?: number
      }
      return { rows, affected: affectedRows ?? 0 }
    },
    handle(session) {
      const transaction = session.client as { closed?: boolean }
      return {
        unusable: () =>
          transaction.closed === true
            ? 'it is over. Call this inside the callback of db.transaction'
            : undefined,
      }
    },
  }
}
