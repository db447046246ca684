import { createServer } from 'node:http'
import { ResponderBuilder, Server, ServerCredentials, ServerInterceptingCall } from '@grpc/grpc-js'
import type { ServerInterceptor } from '@grpc/grpc-js'
import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { createStepping, defineStep } from '@stepping/core'
import type { TransactionManager } from '@stepping/core'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import { dtmGrpc } from '../../src/grpc/index.ts'
import type { DtmGrpc } from '../../src/grpc/index.ts'
import { paths } from '../../src/grpc/service.ts'
import { dtm, toNodeListener } from '../../src/index.ts'
import type { Dtm } from '../../src/index.ts'
import { secret } from '../secret.ts'

/** Between two lines of what an app does; see docs/dtm.md. */
export type CrashPoint =
  | 'before the prepare'
  | 'after the prepare'
  | 'before the commit'
  | 'after the commit'
  | 'after the submit'
  | 'in a step'
  | 'after a step, before DTM hears of it'
  | 'after an answer to query prepared, before DTM hears of it'

/** A small app that takes one order, if it is told to, and dies where its environment says. */
export interface ShopEnvironment {
  SERVER: string
  /** Of DTM's gRPC API: messages then go over gRPC, both ways. */
  GRPC?: string
  ORDERS_URL: string
  PORT: string
  CRASH?: CrashPoint
  PLACE?: string
}

const env = process.env as unknown as ShopEnvironment
const pool = new Pool({ connectionString: env.ORDERS_URL })
// The test drops the database while connections may still idle.
pool.on('error', () => {})
const orders = drizzlePostgres(drizzle(pool), { name: 'orders' })

type Tx = Parameters<Parameters<typeof orders.transaction>[0]>[0]

/** SIGKILL to itself: nothing that the process still has in its hands gets out. */
async function at(point: CrashPoint): Promise<void> {
  if (env.CRASH !== point) return
  process.kill(process.pid, 'SIGKILL')
  await new Promise(() => {})
}

const transaction = orders.transaction.bind(orders)
Object.assign(orders, {
  async transaction<R>(work: (tx: Tx) => Promise<R>): Promise<R> {
    const value = await transaction(async (tx) => {
      const result = await work(tx)
      await at('before the commit')
      return result
    })
    await at('after the commit')
    return value
  },
})

const steps = ['First', 'Second'].map((name) =>
  defineStep({
    name,
    async run({ gid }) {
      await pool.query('insert into effects (gid, step) values ($1, $2)', [gid, name])
      await at('in a step')
    },
  }),
)

async function beforeAnswer(of: 'step' | 'question'): Promise<void> {
  if (of === 'step') await at('after a step, before DTM hears of it')
  else await at('after an answer to query prepared, before DTM hears of it')
}

const tm = env.GRPC ? await overGrpc(env.GRPC) : overHttp()

function overHttp(): Dtm {
  const callbackUrl = `http://127.0.0.1:${env.PORT}/stepping`
  const http = dtm({ server: env.SERVER, callbackUrl, secrets: [secret] })
  const listener = toNodeListener(async (request) => {
    const response = await http.handler(request)
    await beforeAnswer(request.method === 'POST' ? 'step' : 'question')
    return response
  })
  createServer(listener).listen(Number(env.PORT), '127.0.0.1')
  return http
}

function dyingBeforeAnswers(...[{ path }, call]: Parameters<ServerInterceptor>) {
  const of = path === paths.runStep ? 'step' : 'question'
  const responder = new ResponderBuilder()
  responder.withSendStatus((status, next) => {
    const send = async (): Promise<void> => {
      await beforeAnswer(of)
      next(status)
    }
    void send()
  })
  return new ServerInterceptingCall(call, responder.build())
}

async function overGrpc(grpcServer: string): Promise<DtmGrpc> {
  const callbackAddress = `127.0.0.1:${env.PORT}`
  const grpc = dtmGrpc({ server: env.SERVER, grpcServer, callbackAddress, secrets: [secret] })
  const server = new Server({ interceptors: [dyingBeforeAnswers] })
  grpc.addTo(server)
  const bound = Promise.withResolvers<void>()
  server.bindAsync(callbackAddress, ServerCredentials.createInsecure(), (error) =>
    error ? bound.reject(error) : bound.resolve(),
  )
  await bound.promise
  return grpc
}

const dying: TransactionManager = {
  kind: tm.kind,
  jobs: tm.jobs,
  start: (...args) => tm.start(...args),
  close: () => tm.close(),
  abort: (job) => tm.abort!(job),
  async prepare(job) {
    await at('before the prepare')
    await tm.prepare(job)
    await at('after the prepare')
  },
  async submit(job) {
    await tm.submit(job)
    await at('after the submit')
  },
}
const stepping = createStepping({ app: 'shop', tm: dying, databases: [orders], steps })
await stepping.start()
console.log('started')

if (env.PLACE) {
  await stepping.transaction(orders, async (tx, job) => {
    console.log(`gid ${job.gid}`)
    await tx.execute(sql`insert into orders values (${job.gid})`)
    for (const step of steps) job.addStep(step)
  })
  console.log('placed')
}
