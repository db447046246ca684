/** Whole numbers, both ends included; the same seed gives the same ones (mulberry32). */
export type Random = (from: number, to: number) => number

export function seeded(seed: number): Random {
  let state = seed >>> 0
  return (from, to) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return from + (((mixed ^ (mixed >>> 14)) >>> 0) % (to - from + 1))
  }
}

/** The same, in any order. */
export function shuffled<T>(list: readonly T[], random: Random): T[] {
  const all = [...list]
  for (let n = all.length - 1; n > 0; n--) {
    const other = random(0, n)
    ;[all[n], all[other]] = [all[other]!, all[n]!]
  }
  return all
}
