import type { PgAddress } from './client.ts'

/** Never with the password. A client knows best what becomes of options, URL and environment. */
export function describeAddress({ user, host, port, database }: PgAddress): string {
  return `postgres://${user}@${host}:${port}/${database}`
}
