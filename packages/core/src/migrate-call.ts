import type { DatabaseRef } from './db-context.ts'

/**
 * How the tables of a component are made, for messages. `migrate()` leaves tenants out; with a
 * tenant it leaves the tables of the transaction manager out.
 */
export function migrateCall({ tenant }: DatabaseRef, component: string): string {
  const options =
    tenant === undefined || component !== 'stepping' ? '' : `{ tenant: ${quoted(tenant)} }`
  return `run \`await stepping.migrate(${options})\` once when deploying`
}

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`
}
