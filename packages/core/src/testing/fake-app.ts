import type { AnyDatabase } from '../db-context.ts'
import type { SteppingEvent } from '../event.ts'
import type { JobSteps } from '../job.ts'
import { silentLogger } from '../logger.ts'
import type { Logger } from '../logger.ts'
import type { AnyStep } from '../step.ts'
import { defineStep } from '../step.ts'
import { createStepping } from '../stepping.ts'
import type { Stepping } from '../stepping.ts'
import type { TenantDatabases } from '../tenant-databases.ts'
import { unchecked } from '../standard-schema.ts'
import type { StepCall } from '../transaction-manager.ts'
import type { Participant } from '../transaction-manager.ts'
import { FakeTransactionManager } from './fake-transaction-manager.ts'

export const sendMail = defineStep({ name: 'SendMail', run: () => {} })
export const shipOrder = defineStep({
  name: 'ShipOrder',
  args: unchecked<{ orderId: string }>(),
  run: () => {},
})

/** What is done in a transaction, where it does not matter what. */
export async function work(_tx: unknown, job: JobSteps): Promise<string> {
  job.addStep(sendMail)
  return 'value'
}

interface FakeAppOptions {
  readonly log?: string[]
  readonly tm?: FakeTransactionManager
  readonly databases?: readonly (AnyDatabase | TenantDatabases)[]
  readonly steps?: readonly AnyStep[]
  readonly logger?: Logger
  readonly onEvent?: (event: SteppingEvent) => void
  readonly execute?: boolean
}

export interface FakeApp {
  readonly stepping: Stepping
  readonly tm: FakeTransactionManager
  /** What the app told `onEvent`. */
  readonly events: SteppingEvent[]
}

/** An app whose transaction manager only writes down what it is told. */
export function fakeApp(options: FakeAppOptions = {}): FakeApp {
  const { log = [], tm = new FakeTransactionManager(log), steps = [], ...others } = options
  const events: SteppingEvent[] = []
  const stepping = createStepping({
    app: 'shop',
    tm,
    steps: [sendMail, shipOrder, ...steps],
    logger: silentLogger,
    onEvent: (event) => {
      events.push(event)
    },
    ...others,
  })
  return { stepping, tm, events }
}

/** The app's side of the boundary, as its transaction manager sees it. */
export async function participantOf({ stepping, tm }: FakeApp): Promise<Participant> {
  await stepping.start()
  return tm.participant!
}

export function callOf(step: { readonly name: string }, call: Partial<StepCall> = {}): StepCall {
  return {
    gid: 'job-1',
    index: 0,
    name: step.name,
    attempt: 1,
    signal: new AbortController().signal,
    ...call,
  }
}
