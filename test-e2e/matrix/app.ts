import { createStepping, defineStep, tenantDatabases, unchecked } from '@stepping/core'
import type { AnyDatabase, CommittableContext, JobSteps, SteppingEvent } from '@stepping/core'
import { setTimeout as delay } from 'node:timers/promises'
import { Crash } from './crash-points.ts'
import type { CrashPoint } from './crash-points.ts'
import { loadLibrary } from './libraries/index.ts'
import type { LibraryName } from './libraries/index.ts'
import type { OpenLibrary } from './library.ts'
import { openTransactionManager } from './transaction-managers.ts'
import type { TransactionManagerName } from './transaction-managers.ts'
import { append } from './trace.ts'

/** One process of a cell: it does what its environment says, works on whatever is due, and dies where it is told. */
export interface AppEnvironment {
  LIBRARY: LibraryName
  URL: string
  TM: TransactionManagerName
  /** The library and the address of the transaction manager's own store, where that is another database. */
  STORE_LIBRARY?: LibraryName
  STORE_URL?: string
  /** Of the databases of two tenants, by a comma each. */
  TENANT_URLS?: string
  /** The DTM server: of its HTTP API the URL, of its gRPC API host and port. */
  DTM_SERVER?: string
  DTM_GRPC_SERVER?: string
  /** Where it reaches this app, as host and port; then, by a comma each, where it may have reached dead ones. */
  DOORS?: string
  TRACE: string
  /** What to do, one after another; then the process works until it is killed. */
  DO?: string
  /** Where `crash` dies, by a semicolon each. */
  CRASH?: string
  /** How long `load` rests after each order. */
  LOAD_EVERY_MS?: string
}

const env = process.env as unknown as AppEnvironment
const crash = new Crash()
const library = await openLibrary(env.LIBRARY, env.URL)
const orders = crash.database(library.database)

const tenantUrls = new Map(env.TENANT_URLS?.split(',').map((url, n) => [`tenant ${n}`, url]))
const tenantLibraries = new Map<string, OpenLibrary>()
const tenants = tenantDatabases({
  name: 'tenants',
  async resolve(tenant) {
    const url = tenantUrls.get(tenant)
    if (url === undefined) return undefined
    const opened = await (await loadLibrary(env.LIBRARY)).open(url, { name: 'tenants', tenant })
    tenantLibraries.set(tenant, opened)
    return opened.database
  },
})

const names = ['First', 'Second', 'Third'] as const
const steps = names.map((name) =>
  defineStep({
    name,
    args: unchecked<{ label: string; failures?: number; tenant?: string }>(),
    backoff: { firstMs: 50, capMs: 200 },
    async run({ args: { label, failures = 0, tenant }, gid, attempt, once }) {
      append(env.TRACE, { what: 'begin', gid, label, step: name })
      if (attempt <= failures) throw new Error(`fails ${failures} times, on purpose`)
      await crash.at('in a step', [gid])
      await once(tenant ? await tenants.get(tenant) : orders, async (tx) => {
        await (tenantLibraries.get(tenant ?? '') ?? library).insert(tx, 'ledger', {
          gid,
          what: name,
        })
      })
      append(env.TRACE, { what: 'end', gid, label, step: name })
    },
  }),
)

const manager = await openTransactionManager(env, orders, crash)
const stepping = createStepping({
  app: 'matrix',
  tm: manager.tm,
  databases: [orders as AnyDatabase, tenants],
  steps,
  onEvent: (event: SteppingEvent) => {
    if (event.type === 'job.parked') console.log(`parked ${event.gid}`)
  },
})

let starting: Promise<void> | undefined

/** Everything an app does with the library, each by its name. What went wrong is told as `unexpected`. */
const actions: Record<string, () => Promise<void>> = {
  async migrate() {
    await library.createTables()
    await stepping.migrate()
  },

  async commit() {
    const { gid } = await place('commit')
    append(env.TRACE, { what: 'committed', gid, label: 'commit' })
  },

  async 'fail twice'() {
    const { gid } = await place('fail twice', { failures: 2 })
    append(env.TRACE, { what: 'committed', gid, label: 'fail twice' })
  },

  async 'roll back'() {
    await expectRejection('out of stock', () => place('roll back', { fail: true }))
  },

  async 'roll back by hand'() {
    await expectRejection('out of stock', () =>
      library.ownTransaction!(async (tx, context) => {
        const job = stepping.createJob({ ...context, database: orders })
        await fill(tx, job, 'roll back by hand')
        await job.prepareAndInsertBarrier()
        throw new Error('out of stock')
      }),
    )
  },

  async 'no transaction'() {
    const job = stepping.createJob()
    append(env.TRACE, { what: 'placed', gid: job.gid, label: 'no transaction' })
    addSteps(job, 'no transaction')
    await job.start()
    append(env.TRACE, { what: 'committed', gid: job.gid, label: 'no transaction' })
  },

  async 'same gid'() {
    const options = { gid: `message-${process.pid}` }
    await stepping.transaction(orders, async (tx, job) => await fill(tx, job, 'same gid'), options)
    append(env.TRACE, { what: 'committed', gid: options.gid, label: 'same gid' })
    await expectRejection('JOB_DUPLICATE', () =>
      stepping.transaction(
        orders,
        async (tx, job) => await fill(tx, job, 'same gid again'),
        options,
      ),
    )
  },

  async 'by hand'() {
    const job = await library.ownTransaction!(async (tx, context) => {
      const prepared = stepping.createJob({ ...context, database: orders })
      await fill(tx, prepared, 'by hand')
      await prepared.prepareAndInsertBarrier()
      return prepared
    })
    append(env.TRACE, { what: 'committed', gid: job.gid, label: 'by hand' })
    await job.submit()
  },

  async 'never submitted'() {
    const gid = await library.ownTransaction!(async (tx, context) => {
      const job = stepping.createJob({ ...context, database: orders })
      await fill(tx, job, 'never submitted')
      await job.prepareAndInsertBarrier()
      return job.gid
    })
    append(env.TRACE, { what: 'committed', gid, label: 'never submitted' })
  },

  async 'begin and commit'() {
    const begun = await library.begin!()
    try {
      const job = stepping.createJob(orders.context(begun.tx) as CommittableContext)
      await fill(begun.tx, job, 'begin and commit')
      await job.start()
      append(env.TRACE, { what: 'committed', gid: job.gid, label: 'begin and commit' })
    } finally {
      await begun.end()
    }
  },

  /** Asked about before its barrier row is there, a job is dropped; its transaction must not commit. */
  async 'late commit'() {
    await expectRejection('BARRIER_DECIDED', () =>
      stepping.transaction(orders, async (tx, job) => {
        await fill(tx, job, 'late commit')
        const identity = await library.database.identity()
        const notAfter = Date.now() + 60_000
        await library.database.barrier.resolve({ gid: job.gid, notAfter, identity })
      }),
    )
  },

  /** For each one that is submitted, and one that its own database has to be asked about. */
  async 'two tenants'() {
    for (const tenant of tenantUrls.keys()) {
      const database = await tenants.get(tenant)
      const own = tenantLibraries.get(tenant)!
      await own.createTables()
      await stepping.migrate({ tenant })
      const label = 'two tenants'
      await stepping.transaction(database, async (tx, job) => {
        await fill(tx, job, label, { tenant })
      })
      await own.ownTransaction?.(async (tx, context) => {
        const job = stepping.createJob(context)
        await fill(tx, job, label, { tenant })
        await job.prepareAndInsertBarrier()
      })
    }
  },

  /** SIGKILL to itself, with a job at each of its points: nothing that the process still has in its hands gets out. */
  async crash() {
    for (const point of (env.CRASH ?? '').split(';') as CrashPoint[]) {
      const label = `crash ${point}`
      const placed = place(label, { point }).then(({ gid }) =>
        append(env.TRACE, { what: 'committed', gid, label }),
      )
      await Promise.race([crash.reached(point), placed.then(() => new Promise(() => {}))])
    }
    process.kill(process.pid, 'SIGKILL')
    await new Promise(() => {})
  },

  /** Places orders of all kinds until the process is killed, whatever fails on the way. */
  async load() {
    const kinds = [
      'commit',
      'roll back',
      'no transaction',
      ...(library.ownTransaction ? ['by hand', 'never submitted', 'roll back by hand'] : []),
      ...(library.begin ? ['begin and commit'] : []),
    ]
    for (let n = process.pid; ; n++) {
      await actions[kinds[n % kinds.length]!]!().catch(() => {})
      await delay(Number(env.LOAD_EVERY_MS))
    }
  },

  async settle() {
    await manager.settled(stepping)
  },

  async rows() {
    for (const tenant of tenantUrls.keys()) await tenants.get(tenant)
    for (const table of ['orders', 'ledger'] as const) {
      const rows = await library.rows(table)
      for (const [tenant, own] of tenantLibraries) {
        rows.push(...(await own.rows(table)).map((row) => ({ ...row, tenant })))
      }
      console.log(`rows ${table} ${JSON.stringify(rows)}`)
    }
  },

  async close() {
    await stepping.close()
    await manager.close()
    await library.close()
    for (const own of tenantLibraries.values()) await own.close()
  },
}

for (const name of (env.DO ?? '').split(',').filter(Boolean)) {
  if (name !== 'migrate') await start()
  const begin = performance.now()
  await actions[name]!()
  console.log(`did ${name} ${Math.round(performance.now() - begin)}`)
}
await start()
console.log('ready')

async function start(): Promise<void> {
  await (starting ??= stepping.start())
}

interface PlaceOptions {
  failures?: number
  fail?: boolean
  point?: CrashPoint
}

async function place(
  label: string,
  { failures, fail = false, point }: PlaceOptions = {},
): Promise<{ gid: string }> {
  return await stepping.transaction(orders, async (tx, job) => {
    if (point) crash.own(job.gid, point)
    await fill(tx, job, label, { failures })
    if (fail) throw new Error('out of stock')
    return { gid: job.gid }
  })
}

interface FillOptions {
  failures?: number | undefined
  tenant?: string
}

async function fill(
  tx: unknown,
  job: JobSteps,
  label: string,
  options: FillOptions = {},
): Promise<void> {
  append(env.TRACE, { what: 'placed', gid: job.gid, label })
  const own = tenantLibraries.get(options.tenant ?? '') ?? library
  await own.insert(tx, 'orders', { gid: job.gid, what: label })
  addSteps(job, label, options)
}

function addSteps(job: JobSteps, label: string, { failures, tenant }: FillOptions = {}): void {
  for (const step of steps) {
    // One that fails is enough: a DTM server doubles its wait with every failure of the job.
    const fails = step === steps[1] && failures
    job.addStep(step, { label, ...(tenant && { tenant }), ...(fails && { failures: fails }) })
  }
}

async function expectRejection(text: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string }
    if (!`${code} ${message}`.includes(text)) console.log(`unexpected ${code} ${message}`)
    return
  }
  console.log(`unexpected: not rejected with ${text}`)
}

async function openLibrary(name: LibraryName, url: string): Promise<OpenLibrary> {
  return await (await loadLibrary(name)).open(url)
}
