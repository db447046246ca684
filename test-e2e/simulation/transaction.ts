import { SteppingError } from '@stepping/core'
import type { SimulatedDatabase } from './database.ts'
import { DatabaseError } from './database-server.ts'
import type { DatabaseServer } from './database-server.ts'
import type { ServerTransaction } from './server-transaction.ts'
import type { Surroundings } from './surroundings.ts'

/** What a library gives to its users: a transaction on a connection of its own. */
export class Transaction {
  readonly server: ServerTransaction
  /** The server's word for the COMMIT arrived, and the library shows it. */
  isProved = false
  /** The library called it committed. */
  isAcknowledged = false
  readonly #database: SimulatedDatabase
  readonly #around: Surroundings
  readonly #proves: boolean
  #isOver = false
  #isConnected = true

  constructor(database: SimulatedDatabase, around: Surroundings, proves: boolean) {
    this.#database = database
    this.#around = around
    this.#proves = proves
    this.server = database.server.begin()
    around.transactions.push(this)
  }

  get isOpen(): boolean {
    return this.#isConnected && !this.#isOver
  }

  /** It committed, and the job with it. */
  commits(gid: string): boolean {
    return this.server.state === 'committed' && this.server.gids.has(gid)
  }

  get serverSide(): DatabaseServer {
    return this.#database.server
  }

  async insert(effect: string): Promise<void> {
    await this.statement('insert', async () => void this.server.rows.effects.push(effect))
  }

  /** One statement in the transaction. After an error of the connection nothing reaches it any more. */
  async statement<R>(what: string, serve: () => Promise<R>): Promise<R> {
    const { random, network } = this.#around
    const fails = random.chance(network.weather.statementFails)
    return await this.#talk(what, async () => {
      this.serverSide.assertOpen(this.server)
      if (!fails) return await serve()
      this.server.state = 'failed'
      throw new DatabaseError('deadlock detected')
    })
  }

  async savepoint(): Promise<void> {
    await this.statement('savepoint', async () => this.server.savepoint())
  }

  async rollBackToSavepoint(): Promise<void> {
    await this.statement('rollback to savepoint', async () => this.server.rollBackToSavepoint())
  }

  async rollBack(): Promise<void> {
    this.#isOver = true
    try {
      await this.#talk('rollback', async () => this.serverSide.rollBack(this.server))
    } catch {
      // As libraries do: the server rolls back when it notices that nobody is there.
    }
  }

  async commit(): Promise<void> {
    const { random, network } = this.#around
    const { commitRefused, rollbackUnnoticed } = network.weather
    const isRefused = random.chance(commitRefused)
    const isUnnoticed = random.chance(rollbackUnnoticed)
    this.#isOver = true
    let outcome
    try {
      outcome = await this.#talk('commit', async () => {
        if (isRefused) {
          this.serverSide.rollBack(this.server)
          throw new DatabaseError('could not serialize access')
        }
        // Of `once` nobody looks whether it committed: there a library that says so has to be right.
        const isTrusted = this.server.rows.once.size > 0 && !this.#proves
        if (isUnnoticed && !isTrusted && this.server.state === 'open') this.server.state = 'failed'
        return this.serverSide.commit(this.server)
      })
    } catch (error) {
      if (!network.isConnectionError(error) || random.chance(0.3)) throw error
      throw new SteppingError('TRANSACTION_OUTCOME_UNKNOWN', 'The answer to COMMIT was lost.')
    }
    if (outcome === 'rolledBack' && this.#proves) {
      throw new SteppingError('TRANSACTION_ROLLED_BACK', 'The server answered ROLLBACK.')
    }
    this.isProved = this.#proves
    this.isAcknowledged = true
  }

  async #talk<R>(what: string, serve: () => Promise<R>): Promise<R> {
    const { network } = this.#around
    if (!this.#isConnected) throw network.connectionError()
    try {
      return await this.#database.ask(what, serve)
    } catch (error) {
      if (network.isConnectionError(error)) this.disconnect()
      throw error
    }
  }

  /** The connection is gone; the server notices now or later, and rolls back. */
  disconnect(): void {
    if (!this.#isConnected) return
    this.#isConnected = false
    const { scheduler, random } = this.#around
    const noticedMs = random.pick([random.magnitude(1, 100), random.magnitude(100, 30_000)])
    scheduler.after(noticedMs, () => this.serverSide.rollBack(this.server))
  }
}
