import type { SqlDialect } from '@stepping/sql'
import type { Driver } from './plain-postgres.ts'

/** The driver with some of its dialect replaced. */
export function dialect(changes: Partial<SqlDialect>): (healthy: Driver) => Driver {
  return (healthy) => ({ ...healthy, dialect: { ...healthy.dialect, ...changes } })
}

export function tomorrow(): number {
  return Date.now() + 86_400_000
}
