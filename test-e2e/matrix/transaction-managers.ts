import type {
  AnyDatabase,
  Database,
  JobAdmin,
  Stepping,
  SteppingError,
  TransactionManager,
} from '@stepping/core'
import { mongoJobStore, selfTm, sqlJobStore } from '@stepping/self-tm'
import type { AnyMongoDatabase, JobStore } from '@stepping/self-tm'
import { isSqlDatabase } from '@stepping/sql'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { AppEnvironment } from './app.ts'
import type { Crash } from './crash-points.ts'
import { loadLibrary } from './libraries/index.ts'
import type { LibraryName } from './libraries/index.ts'
import type { OpenLibrary } from './library.ts'
import { readTraces } from './trace.ts'

/** Each with the path that a job takes to it. */
export const transactionManagerNames = ['self-tm outbox', 'self-tm 2-phase', 'dtm'] as const
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
  if (env.TM === 'dtm') return await openDtm(env, crash)
  return await openSelfTm(env, orders, crash)
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

async function openDtm(env: AppEnvironment, crash: Crash): Promise<OpenTransactionManager> {
  const { dtm, toNodeListener } = await import('@stepping/dtm')
  const [callbackUrl = '', ...others] = env.CALLBACK_URLS!.split(',')
  const tm = dtm({
    server: env.DTM_SERVER!,
    callbackUrl,
    secrets: ['one of the matrix, which is no secret'],
    jobs: { timeoutToFailMs: 2_000 },
  })
  const servers = [callbackUrl, ...others].map((url) =>
    // Two processes at one door: each is given some of the calls.
    createServer(toNodeListener(tm.handler)).listen({
      port: Number(new URL(url).port),
      reusePort: true,
    }),
  )
  await Promise.all(servers.map((server) => once(server, 'listening')))
  return {
    tm: crash.transactionManager(tm),
    async settled() {
      const gids = readTraces(env.TRACE).flatMap(({ what, gid }) => (what === 'placed' ? gid : []))
      for (const gid of new Set(gids)) await over(tm.jobs, gid)
    },
    async close() {
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
      await Promise.all(servers.map((server) => once(server, 'close')))
    },
  }
}

/** Resolves when the job is over, or never reached the DTM server. */
async function over(jobs: JobAdmin, gid: string): Promise<void> {
  for (;;) {
    const job = await jobs.find(gid)
    if (!job || ['finished', 'rolledBack', 'cancelled'].includes(job.state)) return
    // It doubles its wait each time that nobody listens. What it looks at before it may ask, it leaves alone longer.
    const isLate = job.dueAt.getTime() > Date.now() + 2_000
    if (isLate && job.createdAt.getTime() < Date.now() - 3_000) {
      await jobs.retry(gid).catch((error: SteppingError) => {
        if (error.code !== 'JOB_STATE') throw error
      })
    }
    await delay(200)
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
