import type { AnyDatabase, Participant, StepCall, StepOutcome, SteppingEvent } from '@stepping/core'

/** What a step of a test does: resolves with nothing when it is done. */
export type FakeStep = (call: StepCall) => Promise<StepOutcome | void> | StepOutcome | void

/** The engine as the transaction manager sees it, with steps that are functions. */
export class FakeParticipant implements Participant {
  readonly app: string = 'shop'
  readonly owner: string = 'shop/self-tm'
  readonly databases: AnyDatabase[] = []
  /** Every attempt, in the order they began. */
  readonly calls: StepCall[] = []
  readonly events: SteppingEvent[] = []
  queryPrepared: Participant['queryPrepared'] = async () => 'committed'
  readonly #steps: Readonly<Record<string, FakeStep>>

  constructor(steps: Readonly<Record<string, FakeStep>>) {
    this.#steps = steps
  }

  get stepNames(): readonly string[] {
    return Object.keys(this.#steps)
  }

  /** The names of the steps that were begun, in order. */
  get begun(): readonly string[] {
    return this.calls.map(({ name }) => name)
  }

  async runStep(call: StepCall): Promise<StepOutcome> {
    this.calls.push(call)
    return (await this.#steps[call.name]!(call)) ?? { done: true }
  }

  report(event: SteppingEvent): void {
    this.events.push(event)
  }

  eventsOf<T extends SteppingEvent['type']>(type: T): Extract<SteppingEvent, { type: T }>[] {
    return this.events.filter((event) => event.type === type) as never
  }
}

/** A step that failed and is wanted again after this time. */
export function failed(
  retryInMs = 1_000,
  message = 'no luck',
): Extract<StepOutcome, { done: false }> {
  return { done: false, error: new Error(message), interrupted: false, park: false, retryInMs }
}

export function parked(message = 'out of paper'): StepOutcome {
  return { ...failed(0, message), park: true }
}

/** A step that goes on until it is told to stop. */
export async function untilAborted({ signal }: StepCall): Promise<StepOutcome> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
  return { ...failed(), error: signal.reason as Error, interrupted: true }
}
