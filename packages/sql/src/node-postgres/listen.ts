import type { PgListener } from './client.ts'

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
    await client.connect()
    await client.query(`listen "${channel}"`)
  } catch (error) {
    await close().catch(() => {}) // never connected
    throw error
  }
  return close
}
