import { pg } from '@stepping/adapter-pg'
import { createStepping, defineStep, unchecked } from '@stepping/core'
import { selfTm, sqlJobStore } from '@stepping/self-tm'
import { Pool } from 'pg'
import { crashingDatabase, crashingStore } from './crash-points.ts'
import type { CrashPoint } from './crash-points.ts'
import { openPool } from './open-pool.ts'

/**
 * A small app that dies where its environment says: it places orders (or only works), and its steps
 * record in the table `effects` that they ran.
 */
export interface AppEnvironment {
  ORDERS_URL: string
  /** Where the jobs are stored; the orders' own database makes it the outbox path. */
  STORE_URL: string
  CRASH?: CrashPoint
  /** How many orders to place, each in a transaction. */
  PLACE?: string
  /** Commits by itself, with prepare inside and submit after it. */
  BY_HAND?: string
  /** Without a transaction: the job alone, and no order. */
  ALONE?: string
  /** The callback throws after it has added its steps. */
  ROLL_BACK?: string
  LEASE_MS?: string
  QUERY_PREPARED_AFTER_MS?: string
  /** How long each step takes. */
  STEP_MS?: string
  CONCURRENCY?: string
  /** Leaves the steps to other processes. */
  ENQUEUE_ONLY?: string
}

const insertOrder = 'insert into orders (id, gid) values ($1, $2)'
const env = process.env as unknown as AppEnvironment
const point = env.CRASH ?? 'none'
const pool = new Pool({ connectionString: env.ORDERS_URL })
const effects = openPool(env.ORDERS_URL)
const orders = crashingDatabase(pg(pool, { name: 'orders' }), point)
const sameDatabase = env.STORE_URL === env.ORDERS_URL
const store = sameDatabase
  ? orders
  : pg(new Pool({ connectionString: env.STORE_URL }), { name: 'jobs' })

function recordingStep(name: string) {
  return defineStep({
    name,
    args: unchecked<{ order: number }>(),
    backoff: { firstMs: 100 },
    async run({ gid, attempt, once }) {
      const began = await effects.query(
        'insert into effects (gid, step, pid, attempt) values ($1, $2, $3, $4) returning id',
        [gid, name, process.pid, attempt],
      )
      console.log(`running ${name}`)
      if (point === 'in the first step') {
        process.kill(process.pid, 'SIGKILL')
        await new Promise(() => {})
      }
      if (env.STEP_MS) await new Promise((resolve) => setTimeout(resolve, Number(env.STEP_MS)))
      await once(orders, async (tx) => {
        await tx.query('insert into ledger (gid, step) values ($1, $2)', [gid, name])
      })
      await effects.query('update effects set ended_at = clock_timestamp() where id = $1', [
        began.rows[0].id,
      ])
    },
  })
}

const steps = [recordingStep('First'), recordingStep('Second'), recordingStep('Third')] as const
const queryPreparedAfterMs = Number(env.QUERY_PREPARED_AFTER_MS ?? 200)
const stepping = createStepping({
  app: 'shop',
  tm: selfTm({
    store: crashingStore(sqlJobStore(store, { queryPreparedAfterMs }), point),
    ...(env.LEASE_MS && { leaseMs: Number(env.LEASE_MS), pollMs: 200 }),
    ...(env.CONCURRENCY && { concurrency: Number(env.CONCURRENCY) }),
  }),
  databases: [orders],
  steps,
  execute: !env.ENQUEUE_ONLY,
  onEvent(event) {
    console.log(`event ${event.type}`)
    if (event.type === 'store.failed') void reportHealth()
  },
})
await stepping.start()
console.log('started')

for (let order = 1; order <= Number(env.PLACE ?? 0); order++) {
  if (env.BY_HAND) await placeByHand(order)
  else if (env.ALONE) await startAlone(order)
  else await place(order).catch((error: Error) => console.log(`rejected: ${error.message}`))
}
console.log('placed')

async function place(order: number): Promise<void> {
  await stepping.transaction(orders, async (tx, job) => {
    await tx.query(insertOrder, [order, job.gid])
    for (const step of steps) job.addStep(step, { order })
    if (env.ROLL_BACK) throw new Error('the customer changed her mind')
  })
}

async function placeByHand(order: number): Promise<void> {
  const tx = await pool.connect()
  await tx.query('begin')
  const job = stepping.createJob(orders.context(tx))
  for (const step of steps) job.addStep(step, { order })
  await tx.query(insertOrder, [order, job.gid])
  await job.prepareAndInsertBarrier()
  await tx.query('commit')
  tx.release()
}

async function startAlone(order: number): Promise<void> {
  const job = stepping.createJob()
  for (const step of steps) job.addStep(step, { order })
  await job.start()
}

async function reportHealth(): Promise<void> {
  console.log(`health ${JSON.stringify(await stepping.health())}`)
}
