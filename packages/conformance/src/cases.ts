import { afterAll, beforeAll, test } from 'vitest'

type Run<S> = (scene: S) => Promise<void>

/** The cases of one harness: they share one scene, in gids and rows of their own. */
export interface Cases<S, Need> {
  (name: string, run: Run<S>): void
  /** Left out, with the reason printed, where something that it needs is lacking. */
  (name: string, needs: readonly Need[], run: Run<S>): void
}

export interface Stage<S, Need> {
  /** For the line that says what is left out. */
  readonly name: string
  open(): Promise<S>
  close(scene: S): Promise<void>
  /** Why the scene has not what the case needs; undefined: it has. */
  whyNot(scene: S, need: Need): string | undefined
}

/** Opens the scene that the cases of this `describe` share. */
export function casesOn<S, Need>(stage: Stage<S, Need>): Cases<S, Need> {
  let scene: S | undefined
  const leftOut = new Map<string, string[]>()

  beforeAll(async () => {
    scene = await stage.open()
  }, 120_000)

  afterAll(async () => {
    if (leftOut.size > 0) console.log(reportOf(stage.name, leftOut))
    if (scene !== undefined) await stage.close(scene)
  }, 60_000)

  return (name: string, first: readonly Need[] | Run<S>, second?: Run<S>): void => {
    const needs = typeof first === 'function' ? [] : first
    const run = typeof first === 'function' ? first : second!
    // oxlint-disable-next-line vitest/valid-title -- the callers name their cases
    test(name, async ({ skip }) => {
      for (const need of needs) {
        const why = stage.whyNot(scene!, need)
        if (why === undefined) continue
        leftOut.set(why, [...(leftOut.get(why) ?? []), name])
        skip(why)
      }
      await run(scene!)
    })
  }
}

/** Each reason, and the cases that are left out for it. */
function reportOf(name: string, leftOut: ReadonlyMap<string, readonly string[]>): string {
  const reasons = [...leftOut].map(([why, cases]) =>
    [`because ${why}:`, ...cases.map((each) => `  ${each}`)].join('\n'),
  )
  return [`${name} leaves out,`, ...reasons].join('\n')
}
