import {
  assertClock,
  assertDatabaseName,
  describeError,
  describeRef,
  isSteppingError,
  printKind,
  pruneRows,
  SteppingError,
} from '@stepping/core'
import type {
  AnyDatabase,
  Barrier,
  Database,
  DatabaseLimits,
  DatabaseRef,
  OnceRows,
  PruneOptions,
} from '@stepping/core'
import type { ClientSession, Db, MongoClient, TransactionOptions } from 'mongodb'
import { addressOf, clientOf } from './address.ts'
import { mongoBarrier } from './barrier.ts'
import { collectionsOf } from './collections.ts'
import type { Collections } from './collections.ts'
import { send } from './command.ts'
import type { Execute, Reply } from './command.ts'
import { errorCode, isInterrupted, isUnreachable } from './errors.ts'
import {
  applyMigrations,
  assertBarrierGuarded,
  guardBarrier,
  readMeta,
  versionError,
} from './migration.ts'
import type { Meta } from './migration.ts'
import type { MongoContext } from './mongo-context.ts'
import { mongoOnce } from './once.ts'
import { openTransaction } from './open-transaction.ts'
import { prunableRows } from './prune.ts'
import { schema } from './schema.ts'
import type { MigrationSet } from './schema.ts'
import { Transactions } from './transactions.ts'
import { watch } from './watch.ts'

export interface MongoOptions {
  /** Stored with every job: the name by which its database is found again. */
  readonly name: string
  readonly tenant?: string
  /** What the names of this library's collections begin with. Default `stepping_`. */
  readonly prefix?: string
}

/** A MongoDB database with or without the driver's types: what stores are built over. */
export interface AnyMongoDatabase extends AnyDatabase {
  readonly dialect: 'mongodb'
  readonly collections: Collections
  /**
   * One command on a connection of its own. It may be sent again, when a connection is lost or another
   * server becomes the primary: a command has to be one that may arrive twice.
   */
  readonly run: Execute
  /** Commands in one transaction of their own, durable when it resolves. `work` may be run again. */
  atomically<R>(work: (execute: Execute) => Promise<R>): Promise<R>
  /**
   * Resolves if the collections of this set are there in the version that this code knows; asked
   * until that is so, then remembered.
   *
   * @throws SteppingError as `identity`.
   */
  assertMigrated(set: MigrationSet): Promise<void>
  migrateSet(set: MigrationSet): Promise<void>
  /** Which server and which of its databases this is: a copy has the same identity and another place. */
  place(): Promise<string>
  /**
   * Calls back for each change of the document until closed; `onLost` when that cannot go on. Absent
   * where the client has one connection, which it would hold for as long as nothing changes.
   */
  readonly watch?: (
    collection: string,
    id: string,
    onChange: () => void,
    onLost: () => void,
  ) => Promise<() => Promise<void>>
  /** Of its client: so many commands can be under way. Infinity where it has no limit. */
  readonly maxPoolSize: number
  /** The server's code in an error. */
  readonly errorCode: (error: unknown) => number | undefined
}

export interface MongoDatabase
  extends AnyMongoDatabase, Database<ClientSession, MongoContext, TransactionOptions> {
  readonly dialect: 'mongodb'
}

/**
 * A database of a MongoDB replica set, through the `mongodb` driver.
 *
 * @example
 * const orders = mongo(client.db('orders'), { name: 'orders' })
 * @throws SteppingError `DATABASE_INVALID` for what is no `Db`, or a bad prefix; `OPTIONS_INVALID` without a
 * name.
 */
export function mongo(db: Db, options: MongoOptions): MongoDatabase {
  return new DriverDatabase(db, options)
}

function assertDb(db: Db): void {
  const given = db as Partial<Db> | undefined
  if (typeof given?.command === 'function' && typeof given.databaseName === 'string') return
  throw new SteppingError(
    'DATABASE_INVALID',
    `mongo takes a Db of the driver, and got ${printKind(db)}: use mongo(client.db('orders'), { name }).`,
  )
}

/** Then it reads it, and with it whether the transaction is open, some time before the sending. */
const encrypted = 'a client with automatic encryption encrypts a command before it sends it'

class DriverDatabase implements MongoDatabase {
  readonly dialect = 'mongodb'
  readonly limits: DatabaseLimits
  readonly errorCode: typeof errorCode = errorCode
  readonly ref: DatabaseRef
  readonly collections: Collections
  readonly barrier: Barrier
  readonly once: OnceRows
  readonly watch?: NonNullable<AnyMongoDatabase['watch']>
  readonly maxPoolSize: number
  readonly #db: Db
  readonly #client: MongoClient
  readonly #transactions: Transactions
  #meta: Meta | undefined

  constructor(db: Db, options: MongoOptions) {
    assertDb(db)
    assertDatabaseName('mongo', options)
    const { name, tenant, prefix = 'stepping_' } = options
    this.#db = db
    this.#client = clientOf(db)
    this.#transactions = new Transactions(this.#client)
    this.limits = this.#client.options.autoEncryption ? { finishedHandles: encrypted } : {}
    this.ref = tenant === undefined ? { name } : { name, tenant }
    this.collections = collectionsOf(prefix)
    this.barrier = mongoBarrier({
      ref: this.ref,
      collections: this.collections,
      alone: (work) => this.#reach(() => this.#alone(work)),
    })
    this.once = mongoOnce(this.collections)
    this.maxPoolSize = this.#client.options.maxPoolSize || Infinity
    if (this.maxPoolSize > 1) this.watch = (...what) => watch(db, ...what)
  }

  readonly run: Execute = async (command) =>
    await this.#reach(async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await send(this.#db, command)
        } catch (error) {
          if (attempt === 3 || !isInterrupted(error)) throw error
        }
      }
    })

  async atomically<R>(work: (execute: Execute) => Promise<R>): Promise<R> {
    return await this.#reach(() =>
      this.transaction((session) => work(this.context(session).execute)),
    )
  }

  async transaction<R>(
    work: (session: ClientSession) => Promise<R>,
    options?: TransactionOptions,
  ): Promise<R> {
    return await this.#transactions.run(work, options)
  }

  context(session: ClientSession): MongoContext {
    const { transaction, assertOpen, execute } = openTransaction(this.#db, session)
    const context: Omit<MongoContext, 'commit'> = {
      database: this,
      execute,
      assertUsable: async () => assertOpen(),
      provedCommit: () => this.#transactions.isProved(transaction),
    }
    // What this adapter opened it commits itself, after its work.
    if (this.#transactions.isOwn(session)) return context as MongoContext
    return {
      ...context,
      commit: async () => {
        assertOpen()
        await this.#transactions.commit(session)
      },
    }
  }

  async identity(): Promise<string> {
    return String((await this.#migrated(schema)).get('identity'))
  }

  async assertMigrated(set: MigrationSet): Promise<void> {
    await this.#migrated(set)
  }

  async migrate(): Promise<void> {
    await this.migrateSet(schema)
    await guardBarrier(this.collections, await this.#storedIdentity(), this.run)
  }

  async migrateSet(set: MigrationSet): Promise<void> {
    await this.#assertServer()
    this.#meta = undefined
    await applyMigrations(this, set, this.run)
    this.#meta = undefined
  }

  async prune(options: PruneOptions): Promise<number> {
    return await pruneRows(prunableRows(this.collections, this.run), options)
  }

  async place(): Promise<string> {
    const { topologyVersion } = await this.run({ hello: 1 })
    const { processId } = topologyVersion as { processId: unknown }
    return [String(processId), this.#db.databaseName, this.collections.prefix].join('/')
  }

  async #alone(work: (execute: Execute) => Promise<Reply>): Promise<Reply> {
    const session = this.#client.startSession()
    try {
      session.startTransaction({
        readConcern: { level: 'snapshot' },
        writeConcern: { w: 'majority', journal: true, wtimeoutMS: 2_000 },
        readPreference: 'primary',
      })
      const reply = await work(openTransaction(this.#db, session).execute)
      await session.commitTransaction()
      return reply
    } finally {
      await session.endSession()
    }
  }

  async #migrated(set: MigrationSet): Promise<Meta> {
    const known = this.#meta
    if (known && !versionError(known, this, set)) return known
    await this.#assertServer()
    // Also where it is known to be wrong: another process may have migrated meanwhile.
    const meta = await readMeta(this.collections, this.run)
    const error = versionError(meta, this, schema) ?? versionError(meta, this, set)
    if (error) throw error
    await assertBarrierGuarded(this.ref, this.collections, String(meta.get('identity')), this.run)
    this.#meta = meta
    return meta
  }

  async #storedIdentity(): Promise<string> {
    return String((await readMeta(this.collections, this.run)).get('identity'))
  }

  /** A server without a replica set has no transactions. */
  async #assertServer(): Promise<void> {
    const askedAt = Date.now()
    const { setName, msg, localTime } = await this.run({ hello: 1 })
    if (setName === undefined && msg !== 'isdbgrid') {
      throw new SteppingError(
        'DATABASE_INVALID',
        `The MongoDB server of the database ${describeRef(this.ref)} at ${addressOf(this.#db)} is not part of a replica set, and so has no transactions. Start it with --replSet, and run rs.initiate() once: a replica set of one server will do.`,
      )
    }
    assertClock(this.ref, askedAt, (localTime as Date).getTime())
  }

  async #reach<R>(work: () => Promise<R>): Promise<R> {
    try {
      return await work()
    } catch (error) {
      if (isSteppingError(error) || !isUnreachable(error)) throw error
      throw new SteppingError(
        'DATABASE_UNREACHABLE',
        `The database ${describeRef(this.ref)} at ${addressOf(this.#db)} cannot be reached: ${describeError(error)}. Check that it runs and that the address and the login are right.`,
        { cause: error },
      )
    }
  }
}
