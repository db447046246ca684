import { over } from './driver.ts'
import type { DrizzleDriver } from './driver.ts'

/** PGlite runs in this process, once per folder: the client is the place, and need not be asked during a transaction. */
const places = new WeakMap<object, string>()

export function pglite(client: unknown): DrizzleDriver {
  const { dataDir } = client as { dataDir?: string }
  return {
    address: `PGlite ${dataDir ?? 'in memory'}`,
    async place() {
      const known = places.get(client as object) ?? crypto.randomUUID()
      places.set(client as object, known)
      return known
    },
    hidesEnd: true,
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
        unusable: () => (transaction.closed === true ? over : undefined),
      }
    },
  }
}
