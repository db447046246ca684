import type { DbContext, JobState } from '@stepping/core'
import type { JobStore } from '@stepping/self-tm'

/**
 * How to open a job store.
 *
 * @example
 * describeJobStore({
 *   name: 'memory',
 *   async open() {
 *     let now = Date.now()
 *     const store = memoryJobStore({ now: () => now })
 *     return {
 *       store,
 *       async pass(ms) {
 *         now += ms
 *       },
 *       async stored(gid) {
 *         const job = await store.find(gid)
 *         const cursor = job?.steps.filter(({ done }) => done).length
 *         return job && { ...job, cursor: cursor! }
 *       },
 *     }
 *   },
 * })
 */
export interface JobStoreHarness {
  readonly name: string
  /**
   * A store that nobody else uses, migrated and without any job; called for each case. Prepared
   * jobs are due after ten seconds.
   */
  readonly open: () => Promise<OpenStore>
}

export interface OpenStore {
  readonly store: JobStore
  /** Lets time pass on the store's clock: by moving every stored time back, or the clock itself on. */
  readonly pass: (ms: number) => Promise<void>
  /** What is stored, read past the store's own statements where there is a way; null: no row. */
  readonly stored: (gid: string) => Promise<StoredJob | null>
  /**
   * A transaction of the store's own database, rolled back when `work` rejects. Absent: no transaction
   * reaches the store, and `enlist` resolves with false.
   */
  readonly inTransaction?: (work: (context: DbContext) => Promise<void>) => Promise<void>
}

export interface StoredJob {
  readonly state: JobState
  readonly cursor: number
  readonly attempts: number
  readonly lastError: string | null
}
