import { vi } from 'vitest'

/**
 * Asks `information_schema.innodb_trx` until the answer will do, and resolves with it.
 *
 * The server looks anew only where nobody has asked it for a tenth of a second. Tests run side by side: with a
 * pause of little more than that between two questions, those of three tests keep it from ever looking again.
 */
export async function shownByInnodb<T>(ask: () => Promise<T>): Promise<T> {
  return await vi.waitFor(ask, { timeout: 15_000, interval: 700 })
}
