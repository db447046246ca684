import { createStepping, defineStep, silentLogger, unchecked } from '@stepping/core'
import type { Step, Stepping, SteppingEvent, SteppingOptions } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { onTestFinished, vi } from 'vitest'
import type { MongoDatabase } from '../src/index.ts'
import { open } from './harness.ts'
import type { Harness } from './harness.ts'

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
  readonly store: MongoDatabase
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

export const paths: readonly Path[] = ['outbox', 'two phases']

/** The database of the jobs, where the data are in `h`. */
export async function storeOf(path: Path, h: Harness): Promise<Harness> {
  return path === 'outbox' ? h : await open({ name: 'jobs' })
}
