import type { Side } from './side.ts'

/** One measurement of one side, in a process and a database of its own. */
export interface Measurement {
  readonly side: Side
  readonly url: string
  /** As many as asked for, fewer for a side that is slow. */
  readonly jobs: (count: number) => number
}

/** What was measured; the first figure is the one that sides are compared by. */
export type Figures = Readonly<Record<string, number>>

/** The sides, in order, each with the one that it is divided by. */
export type Sides = Readonly<Record<string, string>>

export interface Scenario {
  readonly name: string
  readonly title: string
  /** Of the first figure. Less is better for `ms` and the like. */
  readonly unit: string
  readonly sides: Sides
  /** The most rounds, where more would tell nothing or take too long. */
  readonly rounds?: number
  measure(measurement: Measurement): Promise<Figures>
}

/** Sides that are all divided by the first. */
export function beside(first: string, ...others: readonly string[]): Sides {
  return Object.fromEntries([first, ...others].map((name) => [name, first]))
}
