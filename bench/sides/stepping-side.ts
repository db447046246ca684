import { createStepping, defineStep, unchecked } from '@stepping/core'
import type { Database } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import type { AnySqlDatabase } from '@stepping/sql'
import { createBusiness } from '../business.ts'
import { execute } from '../execute.ts'
import type { Side, SideOptions } from '../side.ts'

/** The database as one library has it. */
export interface Connected<Tx> {
  readonly database: Database<Tx> & AnySqlDatabase
  /** Writes the business row. */
  insert(tx: Tx, job: number): Promise<unknown>
  readonly end: () => Promise<void>
}

/** Jobs that run at once in one process. */
const best = 1_000

export function steppingSide<Tx>(
  name: string,
  about: string,
  connect: (url: string, connections: number) => Connected<Tx>,
): Side {
  return {
    name,
    about: `${about}; concurrency ${best}`,
    left: "select count(*) as left from stepping.job where state in ('prepared', 'submitted')",
    async install(url) {
      await execute(url, createBusiness)
      const opened = openStepping(connect(url, 1), { connections: 1, steps: 1 })
      await opened.stepping.migrate()
      await opened.close()
    },
    async open(url, options) {
      const connected = connect(url, options.connections)
      const { stepping, numbered, close } = openStepping(connected, options)
      await stepping.start()
      return {
        async enqueue(number) {
          await stepping.transaction(connected.database, async (tx, job) => {
            await connected.insert(tx, number)
            for (const step of numbered) job.addStep(step, { job: number })
          })
        },
        close,
      }
    },
    /** One job by the library, copied under other gids and numbers: as if it had been added so often. */
    async fill(url, jobs, steps) {
      const connected = connect(url, 2)
      const { stepping, numbered, close } = openStepping(connected, { connections: 2, steps })
      await stepping.start()
      await stepping.transaction(connected.database, async (_, job) => {
        for (const step of numbered) job.addStep(step, { job: 0 })
      })
      await close()
      await execute(url, copyJobs(jobs), 'vacuum analyze stepping.job')
    },
  }
}

function openStepping<Tx>(
  { database, end }: Connected<Tx>,
  { steps, run, concurrency = best }: SideOptions,
) {
  const numbered = Array.from({ length: steps }, (_, index) =>
    defineStep({
      name: `Step${index}`,
      args: unchecked<{ job: number }>(),
      run: async ({ args }) => await run?.(args.job, index),
    }),
  )
  const stepping = createStepping({
    app: 'bench',
    tm: selfTm({ database, concurrency }),
    databases: [database],
    steps: numbered,
    execute: run !== undefined,
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

function copyJobs(jobs: number): string {
  return `
    insert into stepping.job (gid, app, state, steps, next_step, keep, database, due_at)
    select 'copy-' || lpad(n::text, 9, '0'), app, state, replace(steps, '"job":0', '"job":' || n),
      next_step, keep, database, due_at
    from stepping.job, generate_series(1, ${jobs - 1}) n`
}
