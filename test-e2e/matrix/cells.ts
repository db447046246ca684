import { crashPoints } from './crash-points.ts'
import type { CrashPoint } from './crash-points.ts'
import { libraryNames, productOf } from './libraries/index.ts'
import type { LibraryName } from './libraries/index.ts'
import type { Product } from './library.ts'
import { outages, serverOf } from './outages.ts'
import type { Outage } from './outages.ts'
import type { TransactionManagerName } from './transaction-managers.ts'

/** One combination that a user can install: a transaction manager, and a library on a database. */
export interface Cell {
  readonly name: string
  readonly tm: TransactionManagerName
  readonly library: LibraryName
  /** Through which library the transaction manager reaches its own store, where that is another database. */
  readonly store?: LibraryName
}

/** What is done in one process, in this order. */
export const scenarios = [
  'commit',
  'roll back',
  'no transaction',
  'same gid',
  'fail twice',
  'by hand',
  'never submitted',
  'roll back by hand',
  'begin and commit',
  'late commit',
  'two tenants',
] as const

export type Scenario =
  | (typeof scenarios)[number]
  | `crash ${CrashPoint}`
  | 'two workers'
  | Outage['name']

export const allScenarios: readonly Scenario[] = [
  ...scenarios,
  ...crashPoints.map((point) => `crash ${point}` as const),
  'two workers',
  ...outages.map(({ name }) => name),
]

/** One library of each product, which has its store on every other product: all twelve unequal pairs. */
const one: Readonly<Partial<Record<Product, LibraryName>>> = {
  postgres: 'pg',
  mysql: 'mysql2',
  sqlite: 'drizzle better-sqlite3',
  mongodb: 'mongodb',
}

/** One library of each product: what holds for their databases can be shown with them alone. */
export const representatives: readonly LibraryName[] = Object.values(one)

function storesFor(library: LibraryName): readonly LibraryName[] {
  if (representatives.includes(library)) return representatives.filter((each) => each !== library)
  return [productOf(library) === 'postgres' ? 'mysql2' : 'pg']
}

export const cells: readonly Cell[] = libraryNames.flatMap((library): Cell[] => [
  { name: `${library} · self-tm outbox`, tm: 'self-tm outbox', library },
  { name: `${library} · dtm http`, tm: 'dtm http', library },
  { name: `${library} · dtm grpc`, tm: 'dtm grpc', library },
  ...storesFor(library).map((store): Cell => ({
    name: `${library} · self-tm 2-phase, store on ${store}`,
    tm: 'self-tm 2-phase',
    library,
    store,
  })),
])

const byHand: readonly Scenario[] = ['by hand', 'never submitted', 'roll back by hand']

/** The committed list of what is not run, each with its reason. Anything else that is not run is a failure. */
export function whyNot(cell: Cell, scenario: Scenario): string | undefined {
  const outbox = cell.tm === 'self-tm outbox'
  if (scenario === 'begin and commit' && cell.library.startsWith('drizzle')) {
    return 'Drizzle has no transaction that is committed from outside of its callback'
  }
  if (cell.library === 'drizzle better-sqlite3' && byHand.includes(scenario)) {
    return 'a transaction of better-sqlite3 cannot wait for anything'
  }
  if (scenario === 'two tenants' && !representatives.includes(cell.library)) {
    return 'tenants are told apart by the core: played with one library of each product'
  }
  if (outbox && (scenario === 'late commit' || scenario === 'crash before the barrier')) {
    return 'on the outbox path the job’s own row decides: there is no barrier row to be late'
  }
  const isSubmit =
    scenario === 'crash after the submit' || scenario === 'database killed in the submit'
  if (outbox && isSubmit) return 'on the outbox path there is no submit'
  const outage = outages.find(({ name }) => name === scenario)
  if (outage && outbox && outage.role === 'transaction manager') {
    return 'on the outbox path the transaction manager has no server of its own'
  }
  if (outage && serverOf(cell, outage.role) === undefined) {
    return 'this database is part of the app, which is killed at each crash point'
  }
  if (scenario === 'late commit' && cell.library === 'mongodb') {
    return 'MongoDB’s driver answers the conflict by running the callback again, with a new job'
  }
  if (scenario === 'late commit' && ['pglite', 'sqlite'].includes(productOf(cell.library))) {
    return 'nothing can be decided beside an open transaction: there is one writer'
  }
  if (scenario === 'two workers' && isSingle(cell)) {
    return 'only one process can have this database open'
  }
  return undefined
}

/** One process opens its database alone. */
export function isSingle({ library, store }: Cell): boolean {
  return [library, store].includes('drizzle pglite')
}
