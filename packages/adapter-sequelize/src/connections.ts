import type { Sequelize } from 'sequelize'
import { withCause } from './internals.ts'

/** A connection out of Sequelize's pool. */
export interface Connection {
  readonly connection: object
  readonly release: () => void
  /** In whatever state it may be, nobody gets it again. */
  readonly destroy: () => void
}

/** To write, where there are replicas. */
export async function takeConnection({ connectionManager }: Sequelize): Promise<Connection> {
  try {
    const connection = await connectionManager.getConnection({ type: 'write', useMaster: true })
    return {
      connection,
      release: () => connectionManager.releaseConnection(connection),
      destroy: () => void connectionManager.destroyConnection(connection).catch(() => {}),
    }
  } catch (error) {
    throw withCause(error)
  }
}
