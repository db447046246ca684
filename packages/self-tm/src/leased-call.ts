import type { StepCall } from '@stepping/core'
import type { Lease } from './lease.ts'
import type { Claim } from './store/job-store.ts'

/** A step of a job that this process holds. */
export class LeasedCall implements StepCall {
  readonly gid: string
  readonly index: number
  readonly name: string
  readonly args: string | undefined
  readonly attempt: number
  readonly afterCutOff: boolean
  readonly #lease: Lease

  constructor({ gid, steps, state, cursor, attempts, cutOff }: Claim, index: number, lease: Lease) {
    // What a prepared job counted were questions to its database.
    const isFirst = state === 'submitted' && index === cursor
    this.gid = gid
    this.index = index
    this.name = steps[index]!.name
    this.args = steps[index]!.args
    this.attempt = isFirst ? attempts + 1 : 1
    this.afterCutOff = isFirst && cutOff === true
    this.#lease = lease
  }

  get signal(): AbortSignal {
    return this.#lease.signal
  }

  get isStopped(): boolean {
    return !this.#lease.isHeld
  }
}
