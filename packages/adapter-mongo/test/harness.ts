import { isSteppingError, newGid } from '@stepping/core'
import type { BarrierKey } from '@stepping/core'
import { commitProxy } from '@stepping/conformance'
import { freshMongoDatabase } from '@stepping/test-support'
import { MongoClient } from 'mongodb'
import type { ClientSession, Db, Document, MongoClientOptions } from 'mongodb'
import { inject, onTestFinished } from 'vitest'
import { mongo } from '../src/index.ts'
import type { MongoDatabase, MongoOptions } from '../src/index.ts'

/** One database of the test's own, and a look at it by another client. */
export interface Harness {
  readonly url: string
  readonly client: MongoClient
  readonly db: Db
  readonly database: MongoDatabase
  /** Another object over the same client. */
  readonly over: (options: MongoOptions) => MongoDatabase
  /** By a client of its own. */
  readonly probe: Db
  /** The barrier's rows of one gid. */
  readonly barrier: (gid: string) => Promise<Document[]>
  readonly skus: () => Promise<unknown[]>
  /** The gids of the jobs that are stored and not over. */
  readonly openJobs: () => Promise<unknown[]>
}

export interface HarnessOptions extends MongoClientOptions {
  /** Default `orders`. */
  readonly name?: string
  /** False leaves the database empty. */
  readonly migrated?: boolean
  /** Uses this database, whose maker drops it; absent: a fresh one on the server of all tests. */
  readonly url?: string
  /** Of another version of the driver. */
  readonly Client?: typeof MongoClient
}

/** Closed when the test ends. */
export async function open({
  name = 'orders',
  migrated = true,
  url: given,
  Client = MongoClient,
  ...options
}: HarnessOptions = {}): Promise<Harness> {
  const fresh = given === undefined ? freshMongoDatabase(inject('mongoUrl')) : undefined
  const url = given ?? fresh!.url
  const client = new Client(url, options)
  const prober = new MongoClient(fresh?.url ?? url, { serverSelectionTimeoutMS: 2_000 })
  onTestFinished(async () => {
    await fresh?.drop()
    await Promise.all([client.close(), prober.close()])
  })
  const db = client.db()
  const probe = prober.db(db.databaseName)
  const over = (its: MongoOptions): MongoDatabase => mongo(db, its)
  const database = over({ name })
  if (migrated) {
    await probe.createCollection('orders').catch(() => {})
    await database.migrate()
  }
  return {
    url,
    client,
    db,
    database,
    over,
    probe,
    barrier: (gid) => probe.collection('stepping_barrier').find({ gid }).toArray(),
    skus: async () => (await probe.collection('orders').find().toArray()).map((row) => row['sku']),
    openJobs: async () =>
      await probe
        .collection('stepping_job')
        .distinct('_id', { state: { $in: ['prepared', 'submitted', 'parked'] } }),
  }
}

export interface Lossy extends Harness {
  /** Loses the connection that sends the next commit. */
  readonly lose: (part: 'request' | 'answer') => void
}

/** Through a proxy that can lose a commit. */
export async function openLossy(options: MongoClientOptions = {}): Promise<Lossy> {
  const fresh = freshMongoDatabase(inject('mongoUrl'))
  const { hostname: host, port, pathname } = new URL(fresh.url)
  const proxy = await commitProxy({ host, port: Number(port) })
  onTestFinished(async () => {
    await proxy.close()
    await fresh.drop()
  })
  const url = `mongodb://127.0.0.1:${proxy.port}${pathname}?directConnection=true`
  return { ...(await open({ ...options, url })), lose: (part) => proxy.lose(part) }
}

/** A new gid with a day left, for the database that it names. */
export async function newKey(database: MongoDatabase): Promise<BarrierKey> {
  return { gid: newGid(), notAfter: Date.now() + 86_400_000, identity: await database.identity() }
}

export async function insert(h: Harness, session: ClientSession, key: BarrierKey): Promise<void> {
  await h.database.barrier.insert(h.database.context(session), key)
}

/** The user's statement. */
export async function order(h: Harness, session: ClientSession, sku: string): Promise<void> {
  await h.db.collection('orders').insertOne({ sku }, { session })
}

/** A session with an open transaction; ended when the test ends. */
export function begin(h: Harness): ClientSession {
  const session = h.client.startSession()
  onTestFinished(() => session.endSession())
  session.startTransaction()
  return session
}

/** What the barrier says once it can say it. */
export async function outcomeOf(
  database: MongoDatabase,
  key: BarrierKey,
): Promise<'committed' | 'rolledBack'> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await database.barrier.resolve(key)
    } catch (error) {
      if (attempt === 100 || !isSteppingError(error, 'BARRIER_UNDECIDED')) throw error
    }
  }
}

export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('This should have been rejected.')
}

/** The messages of an error and of everything behind it. */
export function messagesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : []
  return [error.message, ...[...inner, error.cause].flatMap(messagesOf)]
}
