import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Message } from './messages.ts'

/** The consumer's side of a broker, in a folder: what was not acknowledged is delivered again. */
export class Queue {
  readonly #deliveries: string
  readonly #acknowledged: string

  constructor(folder: string) {
    this.#deliveries = join(folder, 'deliveries')
    this.#acknowledged = join(folder, 'acknowledged')
  }

  fill(deliveries: readonly Message[]): void {
    writeFileSync(this.#deliveries, JSON.stringify(deliveries))
  }

  /** Those that were not acknowledged, by their place in the queue. */
  read(): Map<number, Message> {
    const deliveries = JSON.parse(readFileSync(this.#deliveries, 'utf8')) as Message[]
    const left = new Map(deliveries.entries())
    for (const place of this.#read()) left.delete(place)
    return left
  }

  acknowledge(place: number): void {
    // One write, which a SIGKILL right after it cannot take away.
    appendFileSync(this.#acknowledged, `${place}\n`)
  }

  #read(): number[] {
    const lines = readFileSync(this.#acknowledged, { encoding: 'utf8', flag: 'a+' }).split('\n')
    return lines.slice(0, -1).map(Number)
  }
}
