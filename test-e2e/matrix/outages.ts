import type { Cell } from './cells.ts'
import type { StandingPoint } from './crash-points.ts'
import { productOf } from './libraries/index.ts'

/** What a server is to a cell. */
export type Role = 'database' | 'transaction manager'

/** A server that is killed while an order stands at a point: what the order then does is on its way to it. */
export interface Outage {
  readonly name: `${Role} killed in ${'the prepare' | 'the commit' | 'the submit' | 'a step'}`
  readonly role: Role
  readonly point: StandingPoint
}

/** In this order they can stand at once: some databases have one transaction at a time. */
export const outages: readonly Outage[] = [
  { name: 'database killed in a step', role: 'database', point: 'in a step' },
  { name: 'database killed in the submit', role: 'database', point: 'before the submit' },
  { name: 'database killed in the commit', role: 'database', point: 'before the commit' },
  { name: 'database killed in the prepare', role: 'database', point: 'before the prepare' },
  {
    name: 'transaction manager killed in a step',
    role: 'transaction manager',
    point: 'after an effect, before its completion is saved',
  },
  {
    name: 'transaction manager killed in the submit',
    role: 'transaction manager',
    point: 'before the submit',
  },
  {
    name: 'transaction manager killed in the prepare',
    role: 'transaction manager',
    point: 'before the prepare',
  },
]

export const serverNames = ['postgres', 'mysql', 'mongodb', 'dtm'] as const
export type ServerName = (typeof serverNames)[number]

/** The server that has this role in the cell; undefined where the app itself has it. */
export function serverOf({ tm, library, store }: Cell, role: Role): ServerName | undefined {
  if (role === 'transaction manager' && tm.startsWith('dtm')) return 'dtm'
  const used = role === 'database' ? library : store
  const product = used && productOf(used)
  return serverNames.find((name) => name === product)
}
