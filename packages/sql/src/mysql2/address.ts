import type { Mysql2Pool } from './client.ts'

/** Never with the password. */
export function describeAddress({ pool }: Mysql2Pool): string {
  const { host, port, socketPath, user, database } = pool.config.connectionConfig
  return `mysql://${user ?? ''}@${socketPath ?? `${host}:${port}`}/${database ?? ''}`
}
