import { createStepping, defineStep, silentLogger, unchecked } from '@stepping/core'
import type { Step, Stepping, SteppingEvent, SteppingOptions } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import type { AnySqlDatabase } from '@stepping/sql'
import { afterAll, beforeAll, onTestFinished, vi } from 'vitest'

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
  readonly leaseMs?: number
}

/** Migrated and started, with short times; closed when the test ends. */
export async function startApp({
  databases,
  store,
  steps = [],
  leaseMs = 10_000,
}: AppOptions): Promise<App> {
  const notes: string[] = []
  const events: SteppingEvent[] = []
  const note = defineStep({
    name: 'Note',
    args: unchecked<string>(),
    run: ({ args }) => void notes.push(args),
  })
  const stepping = createStepping({
    app: 'shop',
    tm: selfTm({ database: store, pollMs: 50, queryPreparedAfterMs: 300, leaseMs }),
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

/** The database of the data, and the one of the jobs; closed when the test ends. */
export async function openPath<H extends { close(): Promise<void> }>(
  path: Path,
  open: (name: string) => Promise<H>,
): Promise<{ h: H; store: H }> {
  const h = await open('orders')
  onTestFinished(() => h.close())
  if (path === 'outbox') return { h, store: h }
  const store = await open('jobs')
  onTestFinished(() => store.close())
  return { h, store }
}

/** The same for all tests of a describe, in which it is called. */
export function onPath<H extends { close(): Promise<void> }>(
  path: Path,
  open: (name: string) => Promise<H>,
): { h: H; store: H } {
  const opened = {} as { h: H; store: H }
  beforeAll(async () => {
    opened.h = await open('orders')
    opened.store = path === 'outbox' ? opened.h : await open('jobs')
  })
  afterAll(async () => {
    await opened.h.close()
    if (opened.store !== opened.h) await opened.store.close()
  })
  return opened
}
