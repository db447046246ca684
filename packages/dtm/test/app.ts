import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ServerInterceptor } from '@grpc/grpc-js'
import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { createStepping, defineStep, silentLogger, unchecked } from '@stepping/core'
import type {
  AnyDatabase,
  AnyStep,
  Step,
  Stepping,
  SteppingEvent,
  TenantDatabases,
} from '@stepping/core'
import { freshDatabase } from '@stepping/test-support'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import { inject, onTestFinished, vi } from 'vitest'
import { dtmGrpc } from '../src/grpc/index.ts'
import type { DtmGrpc, DtmGrpcOptions } from '../src/grpc/index.ts'
import { dtm, toNodeListener } from '../src/index.ts'
import type { Dtm, DtmOptions } from '../src/index.ts'
import { listenGrpc } from './listen-grpc.ts'
import { secret } from './secret.ts'

export { secret }

export type OrdersDatabase = Awaited<ReturnType<typeof openOrders>>

/** A database of the test's own, and a look at it by another route. */
export async function openOrders(name = 'orders', tenant?: string) {
  const fresh = await freshDatabase(inject('postgresUrl'), `dtm ${name}`)
  const [pool, probe] = [10, 2].map((max) => new Pool({ connectionString: fresh.url, max }))
  for (const each of [pool!, probe!]) each.on('error', () => {})
  const db = drizzle(pool!)
  const database = drizzlePostgres(db, { name, ...(tenant !== undefined && { tenant }) })
  await probe!.query('create table orders (sku text not null)')
  await database.migrate()
  return {
    db,
    database,
    url: fresh.url,
    query: async (text: string, values: unknown[] = []) =>
      (await probe!.query<Record<string, unknown>>(text, values)).rows,
    skus: async () =>
      (await probe!.query<{ sku: string }>('select sku from orders')).rows.map(({ sku }) => sku),
    close: async () => {
      await Promise.all([pool!.end(), probe!.end()])
      await fresh.drop()
    },
  }
}

/** Listens on a free port until the test ends. */
export async function listen(
  listener: RequestListener,
): Promise<{ origin: string; server: Server }> {
  const server = createServer(listener)
  const listening = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  onTestFinished(async () => {
    server.closeAllConnections()
    const closed = Promise.withResolvers<void>()
    server.close(() => closed.resolve())
    await closed.promise
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

/** A running app with one step, which notes its text. */
export interface App {
  readonly stepping: Stepping
  readonly tm: Dtm | DtmGrpc
  readonly note: Step<string>
  readonly notes: string[]
  readonly events: SteppingEvent[]
  /** Over gRPC it is host and port. */
  readonly callbackUrl: string
  /** Resolves when the step ran with this text. */
  noted(text: string, withinMs?: number): Promise<void>
  finished(gid: string, withinMs?: number): Promise<void>
}

export interface AppOptions {
  readonly name?: string
  /** Of the DTM server. */
  readonly server: string
  /** Of its gRPC API: messages then go over gRPC, both ways. */
  readonly grpc?: string
  readonly orders?: { readonly database: AnyDatabase | TenantDatabases }
  readonly steps?: readonly AnyStep[]
  readonly options?: Partial<DtmOptions & DtmGrpcOptions>
  /** Stands before the app's own handler of HTTP. */
  readonly before?: (next: RequestListener) => RequestListener
  /** Stands in its gRPC server. */
  readonly interceptor?: ServerInterceptor
  /** False: it only adds jobs. */
  readonly execute?: boolean
  /** False: the callback URL leads nowhere yet. */
  readonly started?: boolean
}

export async function startApp({
  name = 'shop',
  server,
  grpc,
  orders,
  steps = [],
  options = {},
  before = (next) => next,
  interceptor,
  execute = true,
  started = true,
}: AppOptions): Promise<App> {
  const notes: string[] = []
  const events: SteppingEvent[] = []
  const note = defineStep({
    name: 'Note',
    args: unchecked<string>(),
    run: ({ args }) => void notes.push(args),
  })
  const over = { server, secrets: [secret], ...options } as AppOptions['options'] & object
  const { tm, callbackUrl } = grpc
    ? await openGrpc(grpc, over, interceptor)
    : await openHttp(before, over)
  const stepping = createStepping({
    app: name,
    tm,
    databases: orders ? [orders.database] : [],
    steps: [note, ...steps],
    execute,
    logger: silentLogger,
    onEvent: (event) => events.push(event),
  })
  onTestFinished(() => stepping.close())
  if (started) await stepping.start()
  return {
    stepping,
    tm,
    note,
    notes,
    events,
    callbackUrl,
    async noted(text, timeout = 15_000) {
      await vi.waitFor(
        () => {
          if (!notes.includes(text)) throw new Error(`Note did not run with ${text}`)
        },
        { timeout, interval: 10 },
      )
    },
    async finished(gid, timeout = 15_000) {
      await vi.waitFor(
        () => {
          if (!events.some((event) => event.type === 'job.finished' && event.gid === gid))
            throw new Error(`${gid} did not finish: ${JSON.stringify(events)}`)
        },
        { timeout, interval: 10 },
      )
    },
  }
}

interface Opened {
  readonly tm: App['tm']
  readonly callbackUrl: string
}

async function openHttp(
  before: NonNullable<AppOptions['before']>,
  options: Partial<DtmOptions>,
): Promise<Opened> {
  const door = Promise.withResolvers<Dtm>()
  const { origin } = await listen(
    before((request, response) => {
      void door.promise.then((tm) => toNodeListener(tm.handler)(request, response))
    }),
  )
  const callbackUrl = `${origin}/stepping`
  const tm = dtm({ callbackUrl, ...options } as DtmOptions)
  door.resolve(tm)
  return { tm, callbackUrl }
}

async function openGrpc(
  grpcServer: string,
  options: Partial<DtmGrpcOptions>,
  interceptor: ServerInterceptor | undefined,
): Promise<Opened> {
  const server = await listenGrpc(interceptor && { interceptors: [interceptor] })
  onTestFinished(() => server.forceShutdown())
  const callbackAddress = `127.0.0.1:${server.port}`
  const tm = dtmGrpc({ grpcServer, callbackAddress, ...options } as DtmGrpcOptions)
  tm.addTo(server)
  return { tm, callbackUrl: callbackAddress }
}
