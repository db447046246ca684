import { createStepping, defineStep, tenantDatabases, unchecked } from '@stepping/core'
import type { AnyDatabase, Database, JobSteps, Stepping, SteppingEvent } from '@stepping/core'
import type { Crash, CrashPoint } from './crash-points.ts'
import { loadLibrary } from './libraries/index.ts'
import type { LibraryName } from './libraries/index.ts'
import type { OpenLibrary } from './library.ts'
import type { Outage } from './outages.ts'
import { openTransactionManager } from './transaction-managers.ts'
import type { OpenTransactionManager, TransactionManagerName } from './transaction-managers.ts'
import { append } from './trace.ts'
import type { Trace } from './trace.ts'

/** What the app of a cell works with, and does. */
export interface AppSettings {
  /** The name of the cell. */
  readonly cell: string
  readonly tm: TransactionManagerName
  readonly orders: Address
  /** The transaction manager's own store, where that is another database. */
  readonly store?: Address
  readonly tenantUrls: readonly string[]
  readonly dtm?: {
    /** Of its HTTP API. */
    readonly server: string
    /** Host and port of its gRPC API. */
    readonly grpcServer: string
    /** Where it reaches this app, as host and port; then where it may have reached dead ones. */
    readonly doors: readonly string[]
  }
  /** The file that tells what happened. */
  readonly trace: string
  /** One after another; then the app works until its process ends. */
  readonly do: readonly string[]
  /** Where `crash` dies. */
  readonly crash?: readonly CrashPoint[]
  /** For which `stand` places orders, round by round. */
  readonly outages?: readonly (readonly Outage[])[]
  /** How long `load` rests after each order. */
  readonly loadEveryMs?: number
}

/** A database, and the library through which it is used. */
interface Address {
  readonly library: LibraryName
  readonly url: string
}

/** An app as users write them: a library, a transaction manager, and three steps that use `once`. */
export interface App {
  readonly library: OpenLibrary
  readonly orders: Database<unknown>
  readonly stepping: Stepping
  readonly manager: OpenTransactionManager
  readonly tenants: Tenants
  /** The user's own row, and the job's steps. */
  readonly fill: (tx: unknown, job: JobSteps, label: string, options?: FillOptions) => Promise<void>
  addSteps(job: JobSteps, label: string, options?: FillOptions): void
  readonly trace: (trace: Omit<Trace, 'pid'>) => void
  close(): Promise<void>
}

export interface FillOptions {
  readonly failures?: number | undefined
  readonly tenant?: string
}

export async function openApp(
  settings: AppSettings,
  crash: Crash,
  say: (line: string) => void,
): Promise<App> {
  const library = await openLibrary(settings.orders)
  const orders = crash.database(library.database)
  const tenants = tenantsOf(settings)
  const trace = (each: Omit<Trace, 'pid'>): void => append(settings.trace, each)

  const steps = ['First', 'Second', 'Third'].map((name) =>
    defineStep({
      name,
      args: unchecked<{ label: string; failures?: number; tenant?: string }>(),
      backoff: { firstMs: 50, capMs: 200 },
      async run({ args: { label, failures = 0, tenant }, gid, attempt, once }) {
        trace({ what: 'begin', gid, label, step: name })
        if (attempt <= failures) throw new Error(`fails ${failures} times, on purpose`)
        await crash.at('in a step', [gid])
        await once(tenant ? await tenants.database(tenant) : orders, async (tx) => {
          const own = tenant === undefined ? library : tenants.libraries.get(tenant)!
          await own.insert(tx, 'ledger', { gid, what: name })
        })
        trace({ what: 'end', gid, label, step: name })
      },
    }),
  )

  const manager = await openTransactionManager(settings, orders, crash)
  const stepping = createStepping({
    app: 'matrix',
    tm: manager.tm,
    databases: [orders as AnyDatabase, tenants.family],
    steps,
    onEvent: (event: SteppingEvent) => {
      if (event.type === 'job.parked') say(`parked ${event.gid}`)
    },
  })

  const app: App = {
    library,
    orders,
    stepping,
    manager,
    tenants,
    trace,
    async fill(tx, job, label, options = {}) {
      trace({ what: 'placed', gid: job.gid, label })
      const own = tenants.libraries.get(options.tenant ?? '') ?? library
      await own.insert(tx, 'orders', { gid: job.gid, what: label })
      app.addSteps(job, label, options)
    },
    addSteps(job, label, { failures, tenant } = {}) {
      for (const step of steps) {
        // One that fails is enough: a DTM server doubles its wait with every failure of the job.
        const fails = step === steps[1] && failures
        job.addStep(step, { label, ...(tenant && { tenant }), ...(fails && { failures: fails }) })
      }
    },
    async close() {
      await stepping.close()
      await manager.close()
      await library.close()
      for (const own of tenants.libraries.values()) await own.close()
    },
  }
  return app
}

export interface Tenants {
  readonly family: ReturnType<typeof tenantDatabases>
  readonly names: readonly string[]
  /** Of those that were asked for. */
  readonly libraries: ReadonlyMap<string, OpenLibrary>
  database(tenant: string): Promise<Database<unknown>>
}

function tenantsOf({ tenantUrls, orders }: AppSettings): Tenants {
  const urls = new Map(tenantUrls.map((url, n) => [`tenant ${n}`, url]))
  const libraries = new Map<string, OpenLibrary>()
  const family = tenantDatabases({
    name: 'tenants',
    async resolve(tenant) {
      const url = urls.get(tenant)
      if (url === undefined) return undefined
      const opened = await openLibrary({ ...orders, url }, { name: 'tenants', tenant })
      libraries.set(tenant, opened)
      return opened.database
    },
  })
  return { family, names: [...urls.keys()], libraries, database: (tenant) => family.get(tenant) }
}

export async function openLibrary(
  { library, url }: Address,
  ref?: { name: string; tenant?: string },
): Promise<OpenLibrary> {
  return await (await loadLibrary(library)).open(url, ref)
}
