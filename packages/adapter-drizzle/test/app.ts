import { createStepping, defineStep, silentLogger, unchecked } from '@stepping/core'
import type { Step, Stepping, SteppingEvent, SteppingOptions } from '@stepping/core'
import type { AnySqlDatabase } from '@stepping/sql'
import { onTestFinished, vi } from 'vitest'
import { selfTm } from './harness.ts'
import type { Driver, Harness } from './harness.ts'

/** A running app with one step, which notes its text. */
export interface App {
  readonly stepping: Stepping
  readonly note: Step<string>
  readonly notes: string[]
  readonly events: SteppingEvent[]
  /** Resolves when the step ran with this text. */
  noted(text: string): Promise<void>
  /** Resolves when a job that is begun now is done: what could have run before has run. */
  settled(): Promise<void>
}

export interface AppOptions {
  readonly databases: NonNullable<SteppingOptions['databases']>
  /** Where the jobs are stored. */
  readonly store: AnySqlDatabase
  readonly steps?: SteppingOptions['steps']
}

/** Migrated and started, with short times; closed when the test ends. */
export async function startApp({ databases, store, steps = [] }: AppOptions): Promise<App> {
  const notes: string[] = []
  const events: SteppingEvent[] = []
  const note = defineStep({
    name: 'Note',
    args: unchecked<string>(),
    run: ({ args }) => void notes.push(args),
  })
  const stepping = createStepping({
    app: 'shop',
    tm: selfTm({ database: store, pollMs: 50, queryPreparedAfterMs: 300 }),
    databases,
    steps: [note, ...steps],
    logger: silentLogger,
    onEvent: (event) => events.push(event),
  })
  onTestFinished(() => stepping.close())
  await stepping.migrate()
  await stepping.start()
  const noted = async (text: string): Promise<void> => {
    await vi.waitFor(
      () => {
        if (!notes.includes(text)) throw new Error(`Note did not run with ${text}`)
      },
      { timeout: 10_000, interval: 10 },
    )
  }
  return {
    stepping,
    note,
    notes,
    events,
    noted,
    async settled() {
      const control = crypto.randomUUID()
      await stepping.createJob().addStep(note, control).start()
      await noted(control)
    },
  }
}

/** Where the jobs of a test are stored: with the data (one insert) or elsewhere (two phases). */
export type Path = 'outbox' | 'two phases'

/** The database of the data, and the one of the jobs. */
export async function openPath(
  driver: Driver,
  path: Path,
): Promise<{ h: Harness; store: Harness; close: () => Promise<void> }> {
  const h = await driver.open()
  const store = path === 'outbox' ? h : await driver.open({ name: 'jobs' })
  return {
    h,
    store,
    async close() {
      if (store !== h) await store.close()
      await h.close()
    },
  }
}

/** The gids of the jobs that are stored and not over. */
export async function openJobs({ query }: Harness): Promise<unknown[]> {
  const rows = await query(
    `select gid from stepping.job where state in ('prepared', 'submitted', 'parked')`,
  )
  return rows.map((row) => row['gid'])
}
