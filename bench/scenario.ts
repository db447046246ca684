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

export interface Scenario {
  readonly name: string
  readonly title: string
  /** Of the first figure. Less is better for `ms` and the like. */
  readonly unit: string
  /** The side that the others are divided by. */
  readonly baseline: string
  readonly sides: readonly string[]
  readonly rounds?: number
  measure(measurement: Measurement): Promise<Figures>
}
