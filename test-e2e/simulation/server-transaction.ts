import type { JobRecord } from '@stepping/core'
import type { NewLease } from '@stepping/self-tm'

/** A job's row that lies in an open transaction. */
export interface EnlistedJob {
  readonly job: JobRecord
  readonly lease: NewLease | undefined
  readonly insertedAtMs: number
}

interface Rows {
  readonly effects: string[]
  readonly barrier: Map<string, 'msg' | 'empty'>
  readonly once: Map<string, { readonly owner: string; value: string | null }>
  readonly jobs: EnlistedJob[]
}

/** A transaction as the server sees it. */
export class ServerTransaction {
  state: 'open' | 'failed' | 'committed' | 'rolledBack' = 'open'
  readonly begunAtMs: number
  endedAtMs: number | undefined
  rows: Rows = { effects: [], barrier: new Map(), once: new Map(), jobs: [] }
  #savepoint: Rows | undefined
  readonly #over = Promise.withResolvers<void>()

  constructor(begunAtMs: number) {
    this.begunAtMs = begunAtMs
  }

  /** Resolves when others need not wait for it any more. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  /** The gids that are decided by how it ends. */
  get gids(): ReadonlySet<string> {
    const { barrier, jobs } = this.rows
    const tied = [...barrier].filter(([, reason]) => reason === 'msg').map(([gid]) => gid)
    return new Set([...tied, ...jobs.map(({ job }) => job.gid)])
  }

  savepoint(): void {
    this.#savepoint = copy(this.rows)
  }

  rollBackToSavepoint(): void {
    if (this.#savepoint) this.rows = this.#savepoint
  }

  end(state: 'committed' | 'rolledBack', atMs: number): void {
    this.state = state
    this.endedAtMs = atMs
    this.#over.resolve()
  }
}

function copy({ effects, barrier, once, jobs }: Rows): Rows {
  return {
    effects: [...effects],
    barrier: new Map(barrier),
    once: new Map(once),
    jobs: [...jobs],
  }
}
