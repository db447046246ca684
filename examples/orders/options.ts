import { parseArgs } from 'node:util'
import { databaseNames } from './fresh-storage.ts'
import type { DatabaseName } from './fresh-storage.ts'
import { managerNames } from './fresh-manager.ts'
import type { ManagerName } from './fresh-manager.ts'

export interface Options {
  /** Keep the shop running. */
  readonly serve: boolean
  readonly database: DatabaseName
  /** The transaction manager. */
  readonly tm: ManagerName
}

/** What was said after `pnpm start`. */
export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      serve: { type: 'boolean', default: false },
      database: { type: 'string', default: 'pglite' },
      tm: { type: 'string', default: 'self' },
    },
  })
  return {
    serve: values.serve,
    database: oneOf(databaseNames, 'database', values.database),
    tm: oneOf(managerNames, 'tm', values.tm),
  }
}

function oneOf<Name extends string>(names: readonly Name[], option: string, value: string): Name {
  const found = names.find((name) => name === value)
  if (found) return found
  throw new Error(`--${option} takes ${names.join(', ')}, and got ${value}.`)
}
