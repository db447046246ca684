import { createStepping, defineStep, silentLogger, unchecked } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { MongoClient } from 'mongodb'
import type { ClientSession } from 'mongodb'
import { mongo } from '../../src/index.ts'
import type { MongoContext, MongoDatabase } from '../../src/index.ts'

/** Where the process dies. */
export type CrashPoint =
  | 'before the barrier'
  | 'before the commit'
  | 'while it commits'
  | 'after the commit'
  | 'in the step'

export interface AppEnvironment {
  ORDERS_URL: string
  /** Where the jobs are; the orders' own database makes it the outbox path. */
  STORE_URL: string
  /** Places one order, in `stepping.transaction` or on a session of its own. */
  PLACE?: 'in a transaction' | 'on a session'
  CRASH?: CrashPoint
}

const env = process.env as unknown as AppEnvironment
const client = new MongoClient(env.ORDERS_URL)
const db = client.db()
const orders = mongo(db, { name: 'orders' })
/** The same database, in which the process dies. */
const crashing: MongoDatabase = new Proxy(orders, {
  get(_, key) {
    if (key === 'transaction') return transaction
    if (key === 'context') return context
    if (key === 'barrier') return { ...orders.barrier, insert }
    const value: unknown = Reflect.get(orders, key)
    return typeof value === 'function' ? (value.bind(orders) as unknown) : value
  },
})

const store =
  env.STORE_URL === env.ORDERS_URL
    ? crashing
    : mongo(new MongoClient(env.STORE_URL).db(), { name: 'jobs' })

const ship = defineStep({
  name: 'Ship',
  args: unchecked<{ sku: string }>(),
  backoff: { firstMs: 100 },
  async run({ args, once }) {
    await dieAt('in the step')
    await once(crashing, async (session) => {
      await db.collection('shipments').insertOne({ sku: args.sku }, { session })
    })
  },
})

const stepping = createStepping({
  app: 'shop',
  tm: selfTm({ database: store, leaseMs: 1_000, pollMs: 100, queryPreparedAfterMs: 300 }),
  databases: [crashing],
  steps: [ship],
  logger: silentLogger,
  execute: env.PLACE === undefined || env.CRASH === 'in the step',
})
await stepping.start()
console.log('started')

if (env.PLACE === 'in a transaction') {
  await stepping.transaction(crashing, async (session, job) => {
    await db.collection('orders').insertOne({ sku: 'A1' }, { session })
    job.addStep(ship, { sku: 'A1' })
  })
}
if (env.PLACE === 'on a session') {
  await using session = client.startSession()
  session.startTransaction()
  await db.collection('orders').insertOne({ sku: 'A1' }, { session })
  await stepping.createJob(crashing.context(session)).addStep(ship, { sku: 'A1' }).start()
}
console.log('placed')

async function transaction<R>(work: (session: ClientSession) => Promise<R>): Promise<R> {
  const value = await orders.transaction(async (session) => {
    const result = await work(session)
    await beforeCommit()
    return result
  })
  await dieAt('after the commit')
  return value
}

function context(session: ClientSession): MongoContext {
  const open = orders.context(session)
  if (!('commit' in open)) return Object.assign(open, { database: crashing })
  const commit = async (): Promise<void> => {
    await beforeCommit()
    await open.commit()
    await dieAt('after the commit')
  }
  return { ...open, database: crashing, commit }
}

async function insert(...args: Parameters<MongoDatabase['barrier']['insert']>): Promise<void> {
  await dieAt('before the barrier')
  await orders.barrier.insert(...args)
}

async function beforeCommit(): Promise<void> {
  await dieAt('before the commit')
  // Whether the server has it by then is the machine's affair.
  if (env.CRASH === 'while it commits') setTimeout(() => void die(), 1)
}

async function dieAt(point: CrashPoint): Promise<void> {
  if (env.CRASH === point) await die()
}

/** SIGKILL to itself: nothing that the process still has in its hands gets out. */
async function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return await new Promise<never>(() => {})
}
