/**
 * A defect that a naive build has, as a change of one place in the sources, and the test that has
 * to notice it.
 */
export interface Mutation {
  /** What the code then does wrong. */
  readonly name: string
  /** From the root of the workspace. */
  readonly file: string
  /** Stands exactly once in the file. */
  readonly from: string
  readonly to: string
  readonly test: {
    readonly file: string
    /** Part of its name, or of several; ` > ` stands before what is described in it. */
    readonly name: string
  }
}
