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
    /** The name of the test or, where several have to notice it together, the beginning of their names. */
    readonly name: string
  }
}

export const mutations: readonly Mutation[] = [
  {
    name: 'commits are not made durable',
    file: 'packages/sql/src/postgres/durable.ts',
    from: `when 'off' then 'on' else`,
    to: `when 'off' then 'off' else`,
    test: {
      file: 'test-e2e/crash/outage.test.ts',
      name: 'a server killed right after a commit with synchronous_commit off still has the job',
    },
  },
  {
    name: 'a completion is not written before the next step begins',
    file: 'packages/self-tm/src/job-run.ts',
    from: `if (!(await this.#goOn({ to: 'advanced', nextStep: next.name, leaseMs }))) return false`,
    to: ``,
    test: {
      file: 'test-e2e/crash/crash.test.ts',
      name: 'a step whose completion was saved is not begun again',
    },
  },
]
