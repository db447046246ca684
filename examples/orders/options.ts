import { parseArgs } from 'node:util'
import { databaseNames } from './fresh-storage.ts'
import type { DatabaseName } from './fresh-storage.ts'

export interface Options {
  /** Keep the shop running. */
  readonly serve: boolean
  readonly database: DatabaseName
}

/** What was said after `pnpm start`. */
export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      serve: { type: 'boolean', default: false },
      database: { type: 'string', default: 'pglite' },
    },
  })
  const database = databaseNames.find((name) => name === values.database)
  if (database) return { serve: values.serve, database }
  throw new Error(`--database takes ${databaseNames.join(', ')}, and got ${values.database}.`)
}
