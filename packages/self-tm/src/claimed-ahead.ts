import type { Claim } from './store/job-store.ts'

/** Where fewer jobs end while one claim is answered, a slot is not empty for long. */
const worthwhile = 8

/**
 * The longest that a job waits here, in milliseconds: where steps have become slow it is for another
 * process to run. Its lease is not renewed meanwhile.
 */
const patienceMs = 100

interface Batch {
  readonly claims: Claim[]
  readonly sentAtMs: number
  readonly patience: NodeJS.Timeout
}

/**
 * Jobs that were claimed before there is a slot for them, so that slots are not empty for as long as a claim takes:
 * as many as ended during the last one, and a batch. With long steps, of which few end meanwhile, there are none.
 */
export class ClaimedAhead {
  readonly #batch: number
  readonly #most: number
  readonly #giveBack: (claim: Claim) => void
  #batches: Batch[] = []
  #size = 0
  #wanted = 0
  /** How many jobs end while a claim is answered. */
  #pace = 0

  /** @param batch How many one claim asks for; `most`: how many may wait; `giveBack`: lets one go that waited for too long. */
  constructor(batch: number, most: number, giveBack: (claim: Claim) => void) {
    this.#batch = batch
    this.#most = most
    this.#giveBack = giveBack
  }

  get isEmpty(): boolean {
    return this.#size === 0
  }

  /** How many more should be claimed now; below a batch it waits until there are so many, unless none is left. */
  get room(): number {
    const room = this.#wanted - this.#size
    return this.isEmpty || room >= this.#batch ? Math.max(room, 0) : 0
  }

  /** Whether claims that find no slot may wait here. */
  get isOpen(): boolean {
    return this.#wanted > 0 || !this.isEmpty
  }

  /** @param ended How many jobs ended while the last claim was answered. One claim that was answered fast changes little. */
  pace(ended: number): void {
    this.#pace = Math.max(ended, 0.75 * this.#pace)
    const wanted = Math.ceil(this.#pace) + this.#batch
    this.#wanted = this.#pace < worthwhile ? 0 : Math.min(wanted, this.#most)
  }

  /** @param sentAtMs When their claim was sent. */
  add(claims: readonly Claim[], sentAtMs: number): void {
    const patience = setTimeout(() => this.#giveUp(batch), patienceMs)
    const batch = { claims: [...claims], sentAtMs, patience }
    this.#batches.push(batch)
    this.#size += claims.length
  }

  /** The one that has waited longest, with when its claim was sent. */
  take(): readonly [Claim, number] | undefined {
    const [batch] = this.#batches
    if (!batch) return undefined
    const claim = batch.claims.shift()!
    this.#size--
    if (batch.claims.length === 0) this.#drop(batch)
    return [claim, batch.sentAtMs]
  }

  /** Gives back all that wait. */
  close(): void {
    for (const batch of this.#batches) this.#giveUp(batch)
  }

  #giveUp(batch: Batch): void {
    this.#drop(batch)
    this.#size -= batch.claims.length
    this.#pace = 0
    this.#wanted = 0
    for (const claim of batch.claims) this.#giveBack(claim)
  }

  #drop(batch: Batch): void {
    clearTimeout(batch.patience)
    this.#batches = this.#batches.filter((each) => each !== batch)
  }
}
