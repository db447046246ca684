import type { Participant } from '@stepping/core'
import { monotonicMs } from './clock.ts'

/** A request that is not answered. Its message is sent and logged: it quotes nothing of the request. */
export class Refusal extends Error {
  override readonly name: string = 'Refusal'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** A reason is told this often at most: whoever knocks must not fill the log. */
const quietMs = 60_000

/** Tells the app's log and `onEvent` about refused callbacks. */
export class RefusalReport {
  readonly #toldAtMs = new Map<string, number>()

  tell({ message: reason }: Refusal, participant: Participant | undefined): void {
    const now = monotonicMs()
    if (now - (this.#toldAtMs.get(reason) ?? -Infinity) < quietMs) return
    this.#toldAtMs.set(reason, now)
    participant?.report({ type: 'callback.refused', reason })
  }
}
