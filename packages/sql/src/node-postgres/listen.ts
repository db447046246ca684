import type { PgListener, PgPool } from './client.ts'

/** On a connection beside the pool, which may be small. Ends as `SqlDriver.listen` says. */
export async function listen(
  client: PgListener,
  channel: string,
  onNotify: () => void,
  onLost: () => void,
): Promise<() => Promise<void>> {
  let closing = false
  const lost = (): void => {
    if (!closing) onLost()
    closing = true
  }
  client.on('notification', onNotify)
  client.on('error', lost)
  client.on('end', lost)
  const close = async (): Promise<void> => {
    closing = true
    await client.end()
  }
  try {
    await client.query(`listen "${channel}"`)
  } catch (error) {
    await close().catch(() => {}) // it may be lost
    throw error
  }
  return close
}

/** As the pool would connect. */
export async function connectBeside(pool: PgPool): Promise<PgListener> {
  const client = new pool.Client(pool.options)
  try {
    await client.connect()
    return client
  } catch (error) {
    await client.end().catch(() => {}) // never connected
    throw error
  }
}
