import { SteppingError } from '@stepping/core'
import type {
  Barrier,
  CommittableContext,
  Database,
  DatabaseLimits,
  DatabaseRef,
  OnceKey,
  OnceRows,
  PruneOptions,
} from '@stepping/core'
import type { DatabaseServer } from './database-server.ts'
import type { Surroundings } from './surroundings.ts'
import { Transaction } from './transaction.ts'

/** A machine's library for one database, as an adapter shows it. */
export class SimulatedDatabase implements Database<Transaction, CommittableContext> {
  readonly ref: DatabaseRef
  readonly dialect = 'postgres'
  readonly limits: DatabaseLimits = {}
  readonly barrier: Barrier
  readonly once: OnceRows
  readonly server: DatabaseServer
  readonly #around: Surroundings
  /** Whether the library shows the server's word for a COMMIT. */
  readonly #proves: boolean

  constructor(name: string, server: DatabaseServer, around: Surroundings, proves: boolean) {
    this.ref = { name }
    this.server = server
    this.#around = around
    this.#proves = proves
    this.barrier = {
      insert: async (context, key, reason) => {
        const { tx } = context as SimulatedContext
        await tx.statement('insert barrier', () => server.insertBarrier(tx.server, key, reason))
      },
      resolve: async (key) => await this.ask(`resolve ${key.gid}`, () => server.resolve(key)),
    }
    this.once = {
      take: async (context, key) => {
        const { tx } = context as SimulatedContext
        return await tx.statement('take once', () => server.takeOnce(tx.server, key))
      },
      store: async (context, key, value) =>
        await storeOnce(context as SimulatedContext, key, value),
      // Only the ledger of the DTM server's provider does.
      replace: async () => await Promise.reject(new Error('is not simulated')),
    }
  }

  async ask<R>(what: string, serve: () => Promise<R>): Promise<R> {
    const { network, machine } = this.#around
    return await network.send({ from: machine, to: this.server.name, what, serve })
  }

  async identity(): Promise<string> {
    return await this.ask('identity', async () => this.server.identity)
  }

  async migrate(): Promise<void> {}

  async prune(options: PruneOptions): Promise<number> {
    const { server } = this
    const owner = options.owners[0]!
    const rows = await this.ask('list rows', async () => server.listRows(owner))
    const alive = await options.active(rows.once.map(gidOf))
    const known = await options.over(rows.barrier)
    const onceOver = new Set(rows.once.filter((id) => !alive.has(gidOf(id))))
    return await this.ask('delete rows', async () => {
      return server.deleteRows(owner, { over: known, onceOver })
    })
  }

  async transaction<R>(work: (tx: Transaction) => Promise<R>): Promise<R> {
    for (;;) {
      const tx = await this.begin()
      let value
      try {
        value = await work(tx)
      } catch (error) {
        await tx.rollBack()
        throw error
      }
      if (!this.#around.random.chance(this.#around.network.weather.runsAgain)) {
        await tx.commit()
        return value
      }
      await tx.rollBack()
    }
  }

  async begin(): Promise<Transaction> {
    return await this.ask('begin', async () => new Transaction(this, this.#around, this.#proves))
  }

  context(tx: Transaction): CommittableContext {
    return new SimulatedContext(this, tx)
  }
}

export class SimulatedContext implements CommittableContext {
  readonly database: SimulatedDatabase
  readonly tx: Transaction

  constructor(database: SimulatedDatabase, tx: Transaction) {
    this.database = database
    this.tx = tx
  }

  async assertUsable(): Promise<void> {
    if (this.tx.isOpen) return
    throw new SteppingError('TRANSACTION_UNUSABLE', 'The transaction is over.')
  }

  provedCommit(): boolean {
    return this.tx.isProved
  }

  async commit(): Promise<void> {
    await this.tx.commit()
  }
}

/** Of a `once` row's key. */
function gidOf(id: string): string {
  return id.split('/')[0]!
}

async function storeOnce({ tx }: SimulatedContext, key: OnceKey, value: string): Promise<void> {
  await tx.statement('store once', async () => tx.serverSide.storeOnce(tx.server, key, value))
}
