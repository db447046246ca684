import { monotonicMs } from './clock.ts'
import type { Claim } from './store/job-store.ts'

/** Where fewer jobs end while one claim is answered, a slot is not empty for long. */
const worthwhile = 4

/**
 * Jobs that began together end together: how many end is counted for this long, in milliseconds, and of the last
 * three counts the least is believed. So waves of longer steps open nothing.
 */
const countedMs = 20
const counts = 3

/** In milliseconds. What is claimed ahead waits for about two claims. */
const slowestClaimMs = 25

/**
 * The longest that a job waits here, in milliseconds: where steps have become slow it is for another
 * process to run. Its lease is not renewed meanwhile.
 */
const patienceMs = 100

/** After a job has waited for too long nothing is claimed ahead for this long. */
const closedForMs = 10_000

interface Batch {
  readonly claims: Claim[]
  readonly sentAtMs: number
  readonly patience: NodeJS.Timeout
}

/** How a claim went. */
export interface Pace {
  /** It found as many jobs as it asked for: there may be more. */
  readonly full: boolean
  readonly tookMs: number
  /** Jobs that have ended in this process so far. */
  readonly ended: number
}

/**
 * Jobs that were claimed before there is a slot for them, so that slots are not empty for as long as a claim takes:
 * as many as end during two. With long steps, of which few end meanwhile, there are none.
 */
export class ClaimedAhead {
  readonly #most: number
  readonly #giveBack: (claim: Claim) => void
  #batches: Batch[] = []
  #size = 0
  #wanted = 0
  /** Jobs that ended in a millisecond, of the last counts. */
  #rates: number[] = []
  #countBegan = { atMs: -Infinity, ended: 0 }
  #closedUntilMs = -Infinity

  /**
   * @param most How many may wait.
   * @param giveBack Lets one go that waited for too long.
   */
  constructor(most: number, giveBack: (claim: Claim) => void) {
    this.#most = most
    this.#giveBack = giveBack
  }

  get isEmpty(): boolean {
    return this.#size === 0
  }

  /** Whether claims that find no slot may wait here. */
  get isOpen(): boolean {
    return this.#wanted > 0 || !this.isEmpty
  }

  /** How many should be claimed now beyond the slots that are free: none until half of them are gone. */
  get room(): number {
    return this.#size <= this.#wanted / 2 ? this.#wanted - this.#size : 0
  }

  /** To be told of each claim, when it is answered: decides how many wait. */
  pace({ full, tookMs, ended }: Pace): void {
    const atMs = monotonicMs()
    const countedForMs = atMs - this.#countBegan.atMs
    if (countedForMs >= countedMs) {
      this.#rates = [(ended - this.#countBegan.ended) / countedForMs, ...this.#rates].slice(
        0,
        counts,
      )
      this.#countBegan = { atMs, ended }
    }
    const rate = this.#rates.length === counts ? Math.min(...this.#rates) : 0
    const endMeanwhile = Math.ceil(rate * tookMs)
    const isWorthwhile = full && endMeanwhile >= worthwhile && tookMs <= slowestClaimMs
    const isOpen = isWorthwhile && atMs >= this.#closedUntilMs
    this.#wanted = isOpen ? Math.min(2 * endMeanwhile, this.#most) : 0
  }

  /** @param sentAtMs When their claim was sent. */
  add(claims: readonly Claim[], sentAtMs: number): void {
    if (claims.length === 0) return
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
    this.#wanted = 0
    this.#closedUntilMs = monotonicMs() + closedForMs
    for (const claim of batch.claims) this.#giveBack(claim)
  }

  #drop(batch: Batch): void {
    clearTimeout(batch.patience)
    this.#batches = this.#batches.filter((each) => each !== batch)
  }
}
