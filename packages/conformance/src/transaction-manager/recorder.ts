import { SteppingError } from '@stepping/core'
import type { AnyDatabase, Participant, StepCall, StepOutcome, SteppingEvent } from '@stepping/core'

/** What a step of a case does: resolves with nothing when it is done. */
export type RecordedStep = (call: StepCall) => Promise<StepOutcome | void> | StepOutcome | void

/** The engine as a transaction manager sees it. Its steps are functions, and every call is kept. */
export class Recorder implements Participant {
  readonly app: string
  readonly owner: string
  readonly databases: readonly AnyDatabase[] = []
  /** Every attempt, in the order they began. */
  readonly calls: StepCall[] = []
  /** The gids that were asked about, in order. */
  readonly asked: string[] = []
  readonly events: SteppingEvent[] = []
  /** What is answered when a prepared job is asked about. */
  answer: () => 'committed' | 'rolledBack' = () => 'committed'
  readonly #steps: Readonly<Record<string, RecordedStep>>

  constructor(app: string, steps: Readonly<Record<string, RecordedStep>>) {
    this.app = app
    this.owner = `${app}/kit`
    this.#steps = steps
  }

  get stepNames(): readonly string[] {
    return Object.keys(this.#steps)
  }

  async runStep(call: StepCall): Promise<StepOutcome> {
    this.calls.push(call)
    return (await this.#steps[call.name]?.(call)) ?? { done: true }
  }

  async queryPrepared({ gid }: { readonly gid: string }): Promise<'committed' | 'rolledBack'> {
    this.asked.push(gid)
    return this.answer()
  }

  report(event: SteppingEvent): void {
    this.events.push(event)
  }

  /** The names of a job's steps that were begun, in order. */
  begun(gid: string): readonly string[] {
    return this.calls.filter((call) => call.gid === gid).map(({ name }) => name)
  }
}

/** A step that failed and is wanted again soon. */
export function failed(message = 'no luck'): Extract<StepOutcome, { done: false }> {
  return { done: false, error: new Error(message), interrupted: false, park: false, retryInMs: 10 }
}

/** What is answered about a job whose transaction is open. */
export function undecided(): never {
  throw new SteppingError('BARRIER_UNDECIDED', 'Its transaction is open.')
}
