import { expectTypeOf } from 'vitest'
import type { CommittableContext, Database, DbContext } from './db-context.ts'
import { defineStep } from './step.ts'
import { createStepping } from './stepping.ts'
import type { Stepping } from './stepping.ts'
import { tenantDatabases } from './tenant-databases.ts'
import type { TenantDatabases } from './tenant-databases.ts'
import type { TransactionManager } from './transaction-manager.ts'
import type { CommittableJob, Job, JobReceipt, TransactionJob } from './job-handle.ts'
import type { JobSteps } from './job.ts'

interface Tx {
  insert(row: string): Promise<void>
}
interface TxOptions {
  readonly isolation: 'serializable' | 'read committed'
}

declare const stepping: Stepping
declare const tm: TransactionManager
const send = defineStep({ name: 'Send', run: () => {} })
const work = async (): Promise<void> => {}

export async function aJobAlone(): Promise<void> {
  const job = stepping.createJob()
  expectTypeOf(job).toEqualTypeOf<Job>()
  const receipt = await job.addStep(send).start()
  expectTypeOf(receipt).toEqualTypeOf<JobReceipt>()
  stepping.createJob({ gid: 'message-1' })
  // @ts-expect-error it has no transaction to be tied to
  await job.prepareAndInsertBarrier()
  // @ts-expect-error start() submits it
  await job.submit()
  stepping.createJob({ independent: true })
  // @ts-expect-error a gid is a string
  stepping.createJob({ gid: 7 })
  // @ts-expect-error a job is made with a context, not with a database's handle
  stepping.createJob({} as Tx)
}

export async function aJobInATransaction(context: DbContext): Promise<void> {
  const job = stepping.createJob(context, { gid: 'message-1' })
  expectTypeOf(job).toEqualTypeOf<TransactionJob>()
  await job.addStep(send).prepareAndInsertBarrier()
  await job.submit()
  // @ts-expect-error only the library can commit this transaction
  await job.start()
  // @ts-expect-error it is not independent of the transaction that it is tied to
  stepping.createJob(context, { independent: true })
}

export async function aJobThatCanCommit(context: CommittableContext): Promise<void> {
  const job = stepping.createJob(context)
  expectTypeOf(job).toEqualTypeOf<CommittableJob>()
  await job.addStep(send).start()
  await job.prepareAndInsertBarrier()
  await job.submit()
}

export async function aTransaction(database: Database<Tx, DbContext, TxOptions>): Promise<void> {
  const id = await stepping.transaction(
    database,
    async (tx, job) => {
      expectTypeOf(tx).toEqualTypeOf<Tx>()
      expectTypeOf(job).toEqualTypeOf<JobSteps>()
      expectTypeOf(job.gid).toEqualTypeOf<string>()
      await tx.insert('order')
      job.addStep(send).addStep(send)
      // @ts-expect-error it is started by the commit
      await job.start()
      // @ts-expect-error it is prepared at the end of the callback
      await job.prepareAndInsertBarrier()
      // @ts-expect-error it is submitted after the commit
      await job.submit()
      return 4711
    },
    { gid: 'message-1', database: { isolation: 'serializable' }, independent: true },
  )
  expectTypeOf(id).toEqualTypeOf<number>()

  await stepping.transaction(database, work)
  // @ts-expect-error the library has no such isolation level
  await stepping.transaction(database, work, { database: { isolation: 'chaos' } })
  // @ts-expect-error the library has no such option
  await stepping.transaction(database, work, { database: { readOnly: true } })
  // @ts-expect-error the callback returns a promise
  await stepping.transaction(database, () => 1)
  // @ts-expect-error a database, not its handle
  await stepping.transaction({} as Tx, work)
}

interface Shop extends Database<Tx, CommittableContext, TxOptions> {
  readonly address: string
}

export async function databasesOfTenants(shop: Shop): Promise<void> {
  const shops = tenantDatabases({
    name: 'shop',
    resolve(tenant) {
      expectTypeOf(tenant).toEqualTypeOf<string>()
      return tenant === 'acme' ? shop : undefined
    },
  })
  expectTypeOf(shops).toEqualTypeOf<TenantDatabases<Shop>>()
  expectTypeOf(await shops.get('acme')).toEqualTypeOf<Shop>()
  tenantDatabases({ name: 'shop', resolve: async () => shop })
  tenantDatabases({ name: 'shop', resolve: async (tenant) => (tenant ? shop : undefined) })
  createStepping({ app: 'shop', tm, steps: [], databases: [shop, shops] })
  await stepping.transaction(await shops.get('acme'), async (tx) => {
    expectTypeOf(tx).toEqualTypeOf<Tx>()
  })
  await stepping.migrate({ tenant: 'acme' })
  // @ts-expect-error a tenant is needed
  await shops.get()
  // @ts-expect-error a database, not a promise of one
  await stepping.transaction(shops.get('acme'), work)
  // @ts-expect-error a database has a barrier
  tenantDatabases({ name: 'shop', resolve: () => ({ name: 'acme' }) })
}
