import type { AnyDatabase, Database, Stepping, TransactionManager } from '@stepping/core'
import { mongoJobStore, selfTm, sqlJobStore } from '@stepping/self-tm'
import type { AnyMongoDatabase, JobStore } from '@stepping/self-tm'
import { isSqlDatabase } from '@stepping/sql'
import { setTimeout as delay } from 'node:timers/promises'
import { openLibrary } from './app.ts'
import type { AppSettings } from './app.ts'
import type { Crash } from './crash-points.ts'

/** Each with the path that a job takes to it. */
export const transactionManagerNames = [
  'self-tm outbox',
  'self-tm 2-phase',
  'dtm http',
  'dtm grpc',
] as const
export type TransactionManagerName = (typeof transactionManagerNames)[number]

export interface OpenTransactionManager {
  readonly tm: TransactionManager
  /** Resolves when no job is left to do. */
  settled(stepping: Stepping): Promise<void>
  /** After the close of Stepping: what this process opened for it. */
  close(): Promise<void>
}

export async function openTransactionManager(
  settings: AppSettings,
  orders: Database<unknown>,
  crash: Crash,
): Promise<OpenTransactionManager> {
  switch (settings.tm) {
    case 'dtm http':
      return await (await import('./dtm.ts')).overHttp(settings, crash)
    case 'dtm grpc':
      return await (await import('./dtm.ts')).overGrpc(settings, crash)
    case 'self-tm outbox':
    case 'self-tm 2-phase':
      return await openSelfTm(settings, orders, crash)
  }
}

async function openSelfTm(
  settings: AppSettings,
  orders: Database<unknown>,
  crash: Crash,
): Promise<OpenTransactionManager> {
  // Registered under another name than the orders, whose tables it does not share.
  const store = settings.store && (await openLibrary(settings.store, { name: 'jobs' }))
  const database: AnyDatabase = store ? store.database : orders
  return {
    tm: crash.transactionManager(
      selfTm({ store: crash.store(jobStore(database)), leaseMs: 1_000, pollMs: 200 }),
    ),
    close: async () => await (store && store.close()),
    async settled(stepping) {
      for (;;) {
        const { jobs } = await stepping.health()
        if (jobs && jobs.prepared + jobs.submitted === 0) return
        await delay(100)
      }
    },
  }
}

function jobStore(database: AnyDatabase): JobStore {
  const options = { queryPreparedAfterMs: 300 }
  if (isSqlDatabase(database)) return sqlJobStore(database, options)
  return mongoJobStore(database as AnyMongoDatabase, options)
}
