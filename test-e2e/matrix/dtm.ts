import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { JobAdmin, SteppingError } from '@stepping/core'
import { dtm, toNodeListener } from '@stepping/dtm'
import type { DtmOptions } from '@stepping/dtm'
import { dtmGrpc } from '@stepping/dtm/grpc'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { AppSettings } from './app.ts'
import type { Crash } from './crash-points.ts'
import { readTraces } from './trace.ts'
import type { OpenTransactionManager } from './transaction-managers.ts'

function optionsOf(
  settings: AppSettings,
): Pick<DtmOptions, 'server' | 'jobs'> & { secrets: readonly string[] } {
  return {
    server: settings.dtm!.server,
    secrets: ['one of the matrix, which is no secret'],
    jobs: { timeoutToFailMs: 2_000 },
  }
}

export async function overHttp(
  settings: AppSettings,
  crash: Crash,
): Promise<OpenTransactionManager> {
  const doors = settings.dtm!.doors
  const tm = dtm({ ...optionsOf(settings), callbackUrl: `http://${doors[0]}/stepping` })
  const servers = doors.map((door) =>
    createServer(toNodeListener(tm.handler)).listen(Number(door.split(':')[1])),
  )
  await Promise.all(servers.map((server) => once(server, 'listening')))
  return {
    tm: crash.server(tm),
    settled: () => allOver(tm.jobs, settings.trace),
    async close() {
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
      await Promise.all(servers.map((server) => once(server, 'close')))
    },
  }
}

export async function overGrpc(
  settings: AppSettings,
  crash: Crash,
): Promise<OpenTransactionManager> {
  const doors = settings.dtm!.doors
  const tm = dtmGrpc({
    ...optionsOf(settings),
    grpcServer: settings.dtm!.grpcServer,
    callbackAddress: doors[0]!,
  })
  const server = new Server()
  tm.addTo(server)
  const bind = promisify(server.bindAsync.bind(server))
  for (const door of doors) {
    await bind(`0.0.0.0:${door.split(':')[1]}`, ServerCredentials.createInsecure())
  }
  return {
    tm: crash.server(tm),
    settled: () => allOver(tm.jobs, settings.trace),
    close: async () => server.forceShutdown(),
  }
}

/** Resolves when each job that was placed is over, or never reached the DTM server. */
async function allOver(jobs: JobAdmin, trace: string): Promise<void> {
  const gids = readTraces(trace).flatMap(({ what, gid }) => (what === 'placed' ? gid : []))
  for (const gid of new Set(gids)) await over(jobs, gid)
}

async function over(jobs: JobAdmin, gid: string): Promise<void> {
  for (;;) {
    const job = await jobs.find(gid)
    if (!job || ['finished', 'rolledBack', 'cancelled'].includes(job.state)) return
    // It doubles its wait each time that nobody listens. What it looks at before it may ask, it leaves alone longer.
    const isLate = job.dueAt.getTime() > Date.now() + 2_000
    if (isLate && job.createdAt.getTime() < Date.now() - 3_000) {
      await jobs.retry(gid).catch((error: SteppingError) => {
        // It is over by now; or DTM, which looks at one after another, did not come to it in time.
        if (!['JOB_STATE', 'NOT_SUPPORTED'].includes(error.code)) throw error
      })
    }
    await delay(200)
  }
}
