import { createStepping, defineStep, unchecked } from '@stepping/core'
import type { Database, Step, Stepping } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import type { AnyMongoDatabase } from '@stepping/self-tm'
import type { AnySqlDatabase } from '@stepping/sql'
import type { Probe, Side, SideOptions } from '../side.ts'

type StoreDatabase = AnySqlDatabase | AnyMongoDatabase

/** The database as one library has it. */
export interface Connected<Tx> {
  readonly database: Database<Tx> & StoreDatabase
  /** Where the jobs are kept. Default: in the same one. */
  readonly store?: StoreDatabase
  /** Writes the business row. */
  readonly insert: (tx: Tx, job: number) => unknown
  readonly end: () => Promise<unknown>
}

/** What is done past the library. */
export interface Beside {
  readonly probe: Probe
  /** Makes `business`, and what else has to be there before a migration. */
  readonly prepare: (url: string) => Promise<void>
  /** The job with the number 0, so often, under other gids and numbers: as if each had been added. */
  readonly copy: (url: string, jobs: number) => Promise<void>
  readonly clear?: (url: string) => Promise<void>
  readonly park?: (url: string) => Promise<void>
}

/** Jobs that run at once in one process. */
const best = 1_000

export function steppingSide<Tx>(
  name: string,
  about: string,
  { prepare, copy, ...beside }: Beside,
  connect: (url: string, connections: number) => Connected<Tx>,
): Side {
  return {
    name,
    about: `${about}; concurrency ${best}`,
    ...beside,
    async install(url) {
      await prepare(url)
      const opened = openStepping(connect(url, 1), { connections: 1, steps: 1 })
      await opened.stepping.migrate()
      await opened.close()
    },
    async open(url, options) {
      const connected = connect(url, options.connections)
      const { stepping, numbered, close } = openStepping(connected, options)
      await stepping.start()
      return { enqueue: enqueueing(stepping, numbered, connected), close }
    },
    async fill(url, jobs, steps) {
      const connected = connect(url, 2)
      const { stepping, numbered, close } = openStepping(connected, { connections: 2, steps })
      await stepping.start()
      await enqueueing(stepping, numbered, { ...connected, insert: () => {} })(0)
      await close()
      await copy(url, jobs)
    },
  }
}

/** One transaction for each job. */
export function enqueueing<Tx>(
  stepping: Stepping,
  numbered: readonly Numbered[],
  { database, insert }: Pick<Connected<Tx>, 'database' | 'insert'>,
): (job: number) => Promise<void> {
  return async (number) => {
    await stepping.transaction(database, async (tx, job) => {
      await insert(tx, number)
      for (const step of numbered) job.addStep(step, { job: number })
    })
  }
}

export type Numbered = Step<{ job: number }>

export function numberedSteps({ steps, run }: SideOptions): readonly Numbered[] {
  return Array.from({ length: steps }, (_, index) =>
    defineStep({
      name: `Step${index}`,
      args: unchecked<{ job: number }>(),
      run: async ({ args }) => await run?.(args.job, index),
    }),
  )
}

function openStepping<Tx>(
  { database, store = database, end }: Connected<Tx>,
  options: SideOptions,
) {
  const numbered = numberedSteps(options)
  const stepping = createStepping({
    app: 'bench',
    tm: selfTm({ database: store, concurrency: options.concurrency ?? best }),
    databases: [database],
    steps: numbered,
    execute: options.run !== undefined,
  })
  return {
    stepping,
    numbered,
    close: async () => {
      await stepping.close()
      await end()
    },
  }
}
