import type { Random } from './random.ts'

/** How often each kind of trouble comes in a schedule; per request unless said otherwise. */
export interface Weather {
  /** The request does not arrive, and its sender learns that. */
  readonly refused: number
  /** It arrives, and its answer does not: an error instead. */
  readonly answerLost: number
  /** Its sender gets an error, and it arrives after that. */
  readonly late: number
  /** Nothing is heard of it for a quarter of an hour. It may have arrived. */
  readonly silent: number
  /** It takes up to half a second. */
  readonly slow: number
  /** It takes up to twenty seconds. */
  readonly stalled: number
  /** A statement fails, and with it its transaction. */
  readonly statementFails: number
  /** A COMMIT is refused. */
  readonly commitRefused: number
  /** The server rolls back and the library does not notice. */
  readonly rollbackUnnoticed: number
  /** The library rolls back and runs the callback again. */
  readonly runsAgain: number
  /** The machine dies at this request. */
  readonly dies: number
  /** The machine stands still at this request, up to 25 seconds. */
  readonly freezes: number
  /** From this request on this machine does not reach that server, up to 30 seconds. */
  readonly cut: number
  /** Of a new machine most requests of one kind get into trouble; per kind. */
  readonly weakens: number
}

/** What a schedule is mostly about. With everything at once nothing would go far enough for the rare coincidences. */
export type Theme = 'leases' | 'transactions' | 'ages' | 'anything'

export const themes: readonly Theme[] = [
  ...(['leases', 'leases', 'leases'] as const),
  ...(['transactions', 'transactions', 'transactions'] as const),
  'ages',
  'anything',
]

const worst: Weather = {
  refused: 0.08,
  answerLost: 0.12,
  late: 0.08,
  silent: 0.04,
  slow: 0.15,
  stalled: 0.1,
  statementFails: 0.1,
  commitRefused: 0.2,
  rollbackUnnoticed: 0.3,
  runsAgain: 0.2,
  dies: 0.004,
  freezes: 0.03,
  cut: 0.03,
  weakens: 0.6,
}

const kinds = Object.keys(worst) as (keyof Weather)[]

/** The kinds that each theme has most of the time; the others come as an exception. */
const usual: Readonly<Record<Theme, readonly (keyof Weather)[]>> = {
  leases: ['answerLost', 'freezes', 'cut', 'weakens', 'stalled'],
  transactions: [
    'answerLost',
    'late',
    'statementFails',
    'commitRefused',
    'rollbackUnnoticed',
    'slow',
    'dies',
  ],
  ages: ['late', 'answerLost', 'freezes', 'cut'],
  anything: [],
}

/** What requests are about, the first word of their description, where trouble with it is worth while. */
export const subjects: Readonly<Record<Theme, readonly string[]>> = {
  leases: ['claim', 'renew', 'renew', 'settle'],
  transactions: ['prepare', 'submit', 'resolve', 'commit', 'end'],
  ages: ['submit', 'settle'],
  anything: ['claim', 'renew', 'settle', 'prepare', 'submit', 'resolve', 'commit', 'end'],
}

export const calm: Weather = weatherOf(() => 0)

export function drawWeather(random: Random, theme: Theme): Weather {
  const share = theme === 'anything' ? random.pick([0.2, 0.5]) : 0.07
  return weatherOf((kind) => {
    if (theme === 'leases' && kind === 'weakens') return random.between(0, worst.weakens)
    const isThere = random.chance(usual[theme].includes(kind) ? 0.6 : share)
    return isThere ? random.magnitude(worst[kind] / 6, worst[kind]) : 0
  })
}

function weatherOf(amount: (kind: keyof Weather) => number): Weather {
  return Object.fromEntries(kinds.map((kind) => [kind, amount(kind)])) as never
}
