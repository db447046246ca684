import { onceOwner, safeAge } from '@stepping/core'
import type { Database, OnceKey, StepCall } from '@stepping/core'

/** Any database of the app; only what the ledger needs of it. */
export type LedgerDatabase = Database<unknown>

/** How a step stands, for all processes: nobody is at it, one of them is, or it is done. */
export type StepState =
  | { readonly is: 'free' | 'done' }
  | {
      readonly is: 'held'
      readonly by: string
      /** Grows for as long as the holder lives. */
      readonly beat: number
    }

/** What a look at the row found, and whether something else was put there. */
export interface Written {
  readonly found: StepState
  /** The row as it was, to be compared with what it is later. */
  readonly text: string
  readonly written: boolean
}

/** Beside the keys of the step's own uses of `once`. */
const stepKey = 'stepping:dtm:step'

const free: StepState = { is: 'free' }

/** Nothing is to stay, not even the key. */
class Unchanged extends Error {}

/** One step's row among those of `once`. Each change of it is a short transaction. */
export class LedgerRow {
  readonly #database: LedgerDatabase
  readonly #step: Pick<OnceKey, 'gid' | 'index' | 'key' | 'owner'>

  constructor(database: LedgerDatabase, owner: string, { gid, index, caller }: StepCall) {
    this.#database = database
    this.#step = { gid, index, key: stepKey, owner: onceOwner(owner, caller) }
  }

  /**
   * Puts there what `change` makes of it, unless another process was quicker. Resolves once that is
   * durable; after a rejection it may or may not be there.
   */
  async write(change: (found: StepState, text: string) => StepState | undefined): Promise<Written> {
    const { once } = this.#database
    const key = { ...this.#step, notAfter: Date.now() + safeAge.attemptWindowMs }
    const none = JSON.stringify(free)
    try {
      return await this.#database.transaction(async (tx) => {
        const context = this.#database.context(tx)
        const stored = await once.take(context, key)
        const text = stored?.value ?? none
        const found = JSON.parse(text) as StepState
        const next = change(found, text)
        if (!stored && !next) throw new Unchanged()
        if (!next) return { found, text, written: false }
        const json = JSON.stringify(next)
        if (stored) return { found, text, written: await once.replace(context, key, text, json) }
        await once.store(context, key, json)
        return { found, text, written: true }
      })
    } catch (error) {
      if (error instanceof Unchanged) return { found: free, text: none, written: false }
      throw error
    }
  }
}
