import type { CorePool } from './client.ts'

/** Never with the password. */
export function describeAddress({ config }: CorePool): string {
  const { host, port, socketPath, user, database } = config.connectionConfig
  return `mysql://${user ?? ''}@${socketPath ?? `${host}:${port}`}/${database ?? ''}`
}
