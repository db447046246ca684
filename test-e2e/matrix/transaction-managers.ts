import type { AnyDatabase, Database, Stepping, TransactionManager } from '@stepping/core'
import { mongoJobStore, selfTm, sqlJobStore } from '@stepping/self-tm'
import type { AnyMongoDatabase, JobStore } from '@stepping/self-tm'
import { isSqlDatabase } from '@stepping/sql'
import { setTimeout as delay } from 'node:timers/promises'
import type { AppEnvironment } from './app.ts'
import type { Crash } from './crash-points.ts'
import { loadLibrary } from './libraries/index.ts'
import type { LibraryName } from './libraries/index.ts'
import type { OpenLibrary } from './library.ts'

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
  env: AppEnvironment,
  orders: Database<unknown>,
  crash: Crash,
): Promise<OpenTransactionManager> {
  switch (env.TM) {
    case 'dtm http':
      return await (await import('./dtm.ts')).overHttp(env, crash)
    case 'dtm grpc':
      return await (await import('./dtm.ts')).overGrpc(env, crash)
    case 'self-tm outbox':
    case 'self-tm 2-phase':
      return await openSelfTm(env, orders, crash)
  }
}

async function openSelfTm(
  env: AppEnvironment,
  orders: Database<unknown>,
  crash: Crash,
): Promise<OpenTransactionManager> {
  const store = env.STORE_LIBRARY && (await openStore(env.STORE_LIBRARY, env.STORE_URL!))
  const database: AnyDatabase = store ? store.database : orders
  return {
    tm: selfTm({
      store: crash.store(jobStore(database)),
      leaseMs: 1_000,
      pollMs: 200,
    }),
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

/** Registered under another name than the orders, whose tables it does not share. */
async function openStore(name: LibraryName, url: string): Promise<OpenLibrary> {
  return await (await loadLibrary(name)).open(url, { name: 'jobs' })
}
