/** Something a library or a server does not have, and why. The reason is printed with every case that is left out for it. */
export interface Lacking {
  readonly lacking: string
}

/** What a harness offers, or why it does not. */
export type Offered<T> = T | Lacking

export function whyLacking(offered: Offered<object>): string | undefined {
  return 'lacking' in offered ? offered.lacking : undefined
}

/** For a case that is left out where it is lacking. */
export function given<T extends object>(offered: Offered<T>): T {
  if ('lacking' in offered) throw new Error(`This case needs what is lacking: ${offered.lacking}`)
  return offered
}
