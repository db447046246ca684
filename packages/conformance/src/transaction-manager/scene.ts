import { createStepping, defineStep, newGid, silentLogger, unchecked } from '@stepping/core'
import type {
  AnyStep,
  Database,
  JobRecord,
  Step,
  Stepping,
  SteppingEvent,
  TransactionManager,
} from '@stepping/core'
import { expect, onTestFinished, vi } from 'vitest'
import { casesOn } from '../cases.ts'
import type { Cases } from '../cases.ts'
import { openScene, whyDatabaseLacks } from '../database/scene.ts'
import type { Need as DatabaseNeed, Scene as DataScene } from '../database/scene.ts'
import { whyLacking } from '../lacking.ts'
import type {
  OpenTransactionManager,
  TransactionManagerHarness,
  TransactionManagerLimits,
} from './harness.ts'
import { Recorder } from './recorder.ts'
import type { RecordedStep } from './recorder.ts'

export type Need = DatabaseNeed | keyof TransactionManagerLimits | 'enlists' | 'jobs'

export type ManagerCases<Tx> = Cases<Scene<Tx>, Need>

export function managerCases<Tx, D extends Database<Tx>>(
  harness: TransactionManagerHarness<Tx, D>,
): ManagerCases<Tx> {
  return casesOn<Scene<Tx>, Need>({
    name: harness.name,
    async open() {
      const data = await openScene(harness.data)
      return new Scene<Tx>(data, await harness.open(data), harness.patienceMs)
    },
    async close({ data, opened }) {
      await opened.close()
      await data.opened.close()
    },
    whyNot({ data, opened }, need) {
      if (need === 'enlists') return whyLacking(opened.enlists)
      if (need === 'conflicts' || need === 'duplicates' || need === 'droppedJobs') {
        return harness.limits?.[need]
      }
      if (need !== 'jobs') return whyDatabaseLacks(data, need)
      return opened.manager().jobs ? undefined : 'it cannot list or steer jobs'
    },
  })
}

/** A transaction manager with a participant of the case's own. */
export interface Managed {
  readonly tm: TransactionManager
  readonly participant: Recorder
  /** A new job of these steps; each is done unless it was said what it does. */
  readonly job: (steps: readonly string[], rest?: Partial<JobRecord>) => JobRecord
  /** Resolves when so many of the job's attempts have begun. */
  readonly begun: (job: JobRecord, attempts: number) => Promise<void>
  /** Resolves when a job of three steps that is submitted now is done: what could have run before has run. */
  readonly settled: () => Promise<void>
}

/** A running app with a step that notes its text. */
export interface App {
  readonly stepping: Stepping
  readonly note: Step<string>
  readonly notes: readonly string[]
  readonly events: readonly SteppingEvent[]
  noted(text: string): Promise<void>
  settled(): Promise<void>
  /** Resolves when the job is dropped, or is nowhere, as far as this can be seen. */
  gone(gid: string): Promise<void>
}

export class Scene<Tx> {
  readonly data: DataScene<Tx>
  readonly opened: OpenTransactionManager
  readonly #patienceMs: number
  readonly #settled: string[] = []

  constructor(data: DataScene<Tx>, opened: OpenTransactionManager, patienceMs = 20_000) {
    this.data = data
    this.opened = opened
    this.#patienceMs = patienceMs
  }

  /** Transaction managers have times of their own, which are much shorter than this. */
  async eventually(check: () => void | Promise<void>): Promise<void> {
    await vi.waitFor(check, { timeout: this.#patienceMs, interval: 10 })
  }

  /** Started unless said otherwise, and closed when the case ends. Jobs are those of `app`. */
  async manage(
    steps: Readonly<Record<string, RecordedStep>> = {},
    { app = `kit-${newGid()}`, start = true }: { app?: string; start?: boolean } = {},
  ): Promise<Managed> {
    const tm = this.opened.manager()
    // Any process of the app may be given the control job's steps.
    const Settled: RecordedStep = ({ gid }) => void this.#settled.push(gid)
    const all = { A: () => {}, B: () => {}, C: () => {}, Settled, ...steps }
    const participant = new Recorder(app, all)
    onTestFinished(() => tm.close())
    if (start) await tm.start(participant, { execute: true })
    const job: Managed['job'] = (names, rest) => ({
      gid: newGid(),
      app,
      steps: names.map((name) => ({ name })),
      notAfter: Date.now() + 86_400_000,
      callerGid: false,
      byHand: false,
      ...rest,
    })
    const begun: Managed['begun'] = async ({ gid }, attempts) => {
      await this.eventually(() =>
        expect(participant.begun(gid).length).toBeGreaterThanOrEqual(attempts),
      )
    }
    return {
      tm,
      participant,
      job,
      begun,
      settled: async () => {
        const control = job(['Settled', 'Settled', 'Settled'])
        await tm.submit(control)
        await this.eventually(() => {
          const attempts = this.#settled.filter((gid) => gid === control.gid).length
          if (attempts < 3) throw new Error(`A job of three steps has begun ${attempts}.`)
        })
      },
    }
  }

  /** What jobs name as the database that decides about them. */
  async tie(): Promise<Pick<Required<JobRecord>, 'database'>> {
    const { database } = this.data
    return { database: { ...database.ref, identity: await database.identity() } }
  }

  /** Started, and closed when the case ends; another process of `app`, if that is given. */
  async app(steps: readonly AnyStep<unknown>[] = [], app = `kit-${newGid()}`): Promise<App> {
    const notes: string[] = []
    const events: SteppingEvent[] = []
    const note = defineStep({
      name: 'Note',
      args: unchecked<string>(),
      run: ({ args }) => void notes.push(args),
    })
    const settled: string[] = []
    const settle = defineStep({ name: 'Settle', run: ({ gid }) => void settled.push(gid) })
    const tm = this.opened.manager()
    const stepping = createStepping({
      app,
      tm,
      databases: [this.data.database],
      steps: [note, settle, ...steps],
      logger: silentLogger,
      onEvent: (event) => void events.push(event),
    })
    onTestFinished(() => stepping.close())
    await stepping.start()
    return {
      stepping,
      note,
      notes,
      events,
      noted: async (text) => {
        await this.eventually(() => {
          if (!notes.includes(text)) throw new Error(`Note did not run with ${text}.`)
        })
      },
      settled: async () => {
        const control = stepping.createJob()
        for (let i = 0; i < 3; i++) control.addStep(settle)
        const { gid } = await control.start()
        await this.eventually(() => {
          const begun = settled.filter((each) => each === gid).length
          if (begun < 3) throw new Error(`A job of three steps has begun ${begun}.`)
        })
      },
      gone: async (gid) => {
        if (!tm.jobs) return
        await this.eventually(async () => {
          const found = await tm.jobs!.find(gid)
          if (found && found.state !== 'rolledBack') throw new Error(`${gid} is ${found.state}`)
        })
      },
    }
  }
}
