import { setTimeout as delay } from 'node:timers/promises'
import { createStepping, defineStep, isSteppingError, unchecked } from '@stepping/core'
import type { Database } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import type { SelfTmOptions } from '@stepping/self-tm'
import { loadLibrary } from '../matrix/libraries/index.ts'
import type { LibraryName } from '../matrix/libraries/index.ts'
import { Random } from '../simulation/random.ts'
import { shuffled, stepNames } from './messages.ts'
import type { Message } from './messages.ts'
import { Queue } from './queue.ts'

/** Handles the messages of a queue, several at once, until none is left and all their steps are done. */
export interface ConsumerEnvironment {
  LIBRARY: LibraryName
  URL: string
  /** Where the jobs are, if not with the orders. */
  STORE_URL?: string
  QUEUE: string
  /** In which order they come. */
  SEED: string
  /** The first one creates the tables. */
  MIGRATE?: string
}

const atOnce = 6

const env = process.env as unknown as ConsumerEnvironment
const library = await loadLibrary(env.LIBRARY)
const orders = await library.open(env.URL)
const store = env.STORE_URL ? await library.open(env.STORE_URL, { name: 'jobs' }) : orders

const steps = stepNames.map((name) =>
  defineStep({
    name,
    args: unchecked<{ message: string }>(),
    async run({ args: { message }, once }) {
      await once(orders.database, (tx) => orders.insert(tx, 'ledger', { gid: message, what: name }))
    },
  }),
)

const stepping = createStepping({
  app: 'inbox',
  tm: selfTm({
    database: store.database as Database<unknown> & NonNullable<SelfTmOptions['database']>,
    // Also how long the store may take to answer, which on a busy machine is not soon.
    leaseMs: 3_000,
    pollMs: 200,
    queryPreparedAfterMs: 300,
  }),
  databases: [orders.database],
  steps,
})

if (env.MIGRATE) {
  await orders.createTables()
  await stepping.migrate()
}
await stepping.start()
console.log('ready')

const queue = new Queue(env.QUEUE)
const deliveries = shuffled([...queue.read()], new Random(Number(env.SEED)))
let acknowledged = 0
await Promise.all(Array.from({ length: atOnce }, takeOneAfterAnother))

for (;;) {
  const { jobs } = await stepping.health()
  if (jobs?.parked) throw new Error(`${jobs.parked} jobs are parked`)
  if (jobs && jobs.prepared + jobs.submitted === 0) break
  await delay(20)
}
for (const table of ['orders', 'ledger'] as const) {
  console.log(`rows ${table} ${JSON.stringify(await orders.rows(table))}`)
}
await stepping.close()
if (store !== orders) await store.close()
await orders.close()

async function takeOneAfterAnother(): Promise<void> {
  for (let next = deliveries.shift(); next; next = deliveries.shift()) {
    const [place, message] = next
    console.log(`handled ${await handle(message)}`)
    queue.acknowledge(place)
    console.log(`acknowledged ${++acknowledged}`)
  }
}

/** As `docs/how-it-works.md` says under "A gid of your own". */
async function handle(message: Message): Promise<'now' | 'before'> {
  for (let n = 1; ; n++) {
    try {
      await takeIn(message, n === 1 ? message.id : `${message.id}:${n}`)
      return 'now'
    } catch (error) {
      if (isSteppingError(error, 'JOB_DUPLICATE')) return 'before'
      if (!isSteppingError(error, 'BARRIER_DECIDED')) throw error
      console.log(`decided ${message.id}`)
    }
  }
}

async function takeIn({ id, steps: count }: Message, gid: string): Promise<void> {
  await stepping.transaction(
    orders.database,
    async (tx, job) => {
      await orders.insert(tx, 'orders', { gid: id, what: 'message' })
      for (const step of steps.slice(0, count)) job.addStep(step, { message: id })
    },
    { gid },
  )
}
