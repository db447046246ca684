import type { AnyDatabase } from './db-context.ts'
import type { SteppingEvent } from './event.ts'
import type { Logger } from './logger.ts'
import { SteppingError } from './errors.ts'
import { invalidOption } from './option.ts'
import type { AnyStep } from './step.ts'
import type { TenantDatabases } from './tenant-databases.ts'
import type { TmOptions, TransactionManager } from './transaction-manager.ts'

export type SteppingOptions<Services = unknown> = {
  /** This app's name, stored with its jobs: processes of one name share them. */
  readonly app: string
  readonly tm: TransactionManager
  /** Every database whose transactions jobs are tied to, or that steps use `once` on. */
  readonly databases?: readonly (AnyDatabase | TenantDatabases)[]
  /** Every step this app adds to jobs or runs. `httpStep` is always there. */
  readonly steps: readonly AnyStep<Services>[]
  /** False: this process only adds jobs, others run them. */
  readonly execute?: boolean
  /** Replaces the default log, which prints warnings and errors to stderr. */
  readonly logger?: Logger
  /** Told everything that happens, in this process. It must not throw. */
  readonly onEvent?: (event: SteppingEvent) => void
} & ServicesOption<Services>

/** Who runs no step needs none of what they use. That comes first, as the compiler says what is missing of the last one. */
type ServicesOption<Services> = unknown extends Services
  ? { readonly services?: undefined }
  : { readonly execute: false; readonly services?: Services } | { readonly services: Services }

/** @throws SteppingError `OPTIONS_INVALID` for what would fail later, or only when a job is stored. */
export function assertOptions({ app, tm, databases, steps }: SteppingOptions): void {
  // Its name is in rows of every kind of database: nothing that one of them would change.
  if (typeof app !== 'string' || app !== app.trim() || !/^\P{C}{1,100}$/u.test(app)) {
    throw invalidOption('createStepping', 'app', app, '1 to 100 printable characters')
  }
  if (typeof tm?.submit !== 'function') {
    throw invalidOption('createStepping', 'tm', tm, 'a transaction manager, such as selfTm({ … })')
  }
  if (databases !== undefined && !Array.isArray(databases)) {
    throw invalidOption('createStepping', 'databases', databases, 'a list')
  }
  if (!Array.isArray(steps)) throw invalidOption('createStepping', 'steps', steps, 'a list')
}

/** @throws SteppingError `OPTIONS_INVALID` for a job's options that another kind of transaction manager takes. */
export function assertOptionsFor(tm: TransactionManager, options: TmOptions | undefined): void {
  if (options === undefined || options.kind === tm.kind) return
  throw invalidOption('this job', 'tm', options, `for a transaction manager of the kind ${tm.kind}`)
}

const apps = new WeakMap<TransactionManager, string>()

/**
 * A transaction manager runs the steps of one app with the steps of one registry: a second one
 * would take the first one's place, whose jobs would then wait for steps that nobody knows.
 *
 * @throws SteppingError `OPTIONS_INVALID`
 */
export function claimTransactionManager(tm: TransactionManager, app: string): void {
  const owner = apps.get(tm)
  if (owner !== undefined) {
    throw new SteppingError(
      'OPTIONS_INVALID',
      `createStepping: tm belongs to a Stepping for ${owner} already. Make a transaction manager for each createStepping; two of them may have the same database.`,
    )
  }
  apps.set(tm, app)
}
