import type { RequestListener } from 'node:http'
import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { createStepping, defineStep, silentLogger } from '@stepping/core'
import type { Step, Stepping, SteppingEvent } from '@stepping/core'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { dtm, toNodeListener } from '../src/index.ts'
import { listen, openOrders, secret } from './app.ts'
import type { OrdersDatabase } from './app.ts'
import { dtmProxy } from './dtm-proxy.ts'
import type { DtmProxy } from './dtm-proxy.ts'

let server: TakenDtm
let orders: OrdersDatabase
let proxy: DtmProxy

beforeAll(async () => {
  server = await takeDtm()
  orders = await openOrders()
}, 600_000)

afterAll(async () => {
  await orders.close()
  await server.stop()
})

beforeEach(async () => {
  proxy = await dtmProxy(server.url)
})

/** Two processes of one app. Steps are called in them in turn, questions are asked of the first. */
interface Fleet {
  readonly first: Stepping
  /** The steps that began, in any of the two. */
  readonly began: string[]
  readonly quick: Step
  /** Fails in its first attempt. */
  readonly failing: Step
  /** Goes on until `endSlow`. */
  readonly slow: Step
  /** Takes most of a second, and is answered in time. */
  readonly short: Step
  /** The positions of short steps of which two attempts ran at once. */
  readonly overlaps: number[]
  /** A call that comes while another one is open goes to the second process, all others to the first. */
  splitOverlaps(): void
  endSlow(): void
  /** The answers to calls of steps. */
  readonly statuses: number[]
  /** The first one does not reach the ledger any more. */
  cutOffFirst(): Promise<void>
  /** The next call goes to this one. */
  callNext(process: 0 | 1): void
  finished(gid: string): Promise<void>
}

async function openFleet(
  ledger: 'with a ledger' | 'without',
  answerWithinMs = 200,
): Promise<Fleet> {
  const began: string[] = []
  const statuses: number[] = []
  const events: SteppingEvent[] = []
  const ended = Promise.withResolvers<void>()
  const processes: RequestListener[] = []
  const pools: Pool[] = []
  let turn = 0
  let openCalls = 0
  let isSplit = false
  const next = (): RequestListener => processes[isSplit ? Number(openCalls > 1) : turn++ % 2]!
  const { origin } = await listen((request, response) => {
    if (request.method === 'GET') return processes[0]!(request, response)
    response.on('finish', () => statuses.push(response.statusCode))
    openCalls++
    response.on('close', () => openCalls--)
    next()(request, response)
  })
  const step = (name: string, run: () => unknown): Step =>
    defineStep({
      name,
      run: () => {
        began.push(name)
        return run()
      },
    })
  const quick = step('Quick', () => {})
  const slow = step('Slow', () => ended.promise)
  const failing = step('Failing', () => {
    if (began.filter((name) => name === 'Failing').length === 1) throw new Error('not yet')
  })
  const running = new Set<number>()
  const overlaps: number[] = []
  const short = defineStep({
    name: 'Short',
    async run({ index }) {
      began.push(`Short ${index}`)
      if (running.has(index)) overlaps.push(index)
      running.add(index)
      await new Promise((resolve) => setTimeout(resolve, 900))
      running.delete(index)
    },
  })
  const open = async (): Promise<Stepping> => {
    const pool = new Pool({
      connectionString: orders.url,
      // No transaction of the ledger stays open for as long as a step runs.
      options: '-c idle_in_transaction_session_timeout=500',
    })
    pools.push(pool)
    const tm = dtm({
      server: proxy.address,
      callbackUrl: origin,
      secrets: [secret],
      answerWithinMs,
      ...(ledger === 'with a ledger' && {
        ledger: drizzlePostgres(drizzle(pool), { name: 'ledger' }),
      }),
    })
    processes.push(toNodeListener(tm.handler))
    const stepping = createStepping({
      app: 'shop',
      tm,
      steps: [quick, failing, slow, short],
      logger: silentLogger,
      onEvent: (event) => events.push(event),
    })
    onTestFinished(async () => {
      await stepping.close()
      if (!pool.ended) await pool.end()
    })
    await stepping.start()
    return stepping
  }
  const first = await open()
  await open()
  // Before they close, which waits for it.
  onTestFinished(() => ended.resolve())
  return {
    first,
    began,
    quick,
    failing,
    slow,
    short,
    overlaps,
    splitOverlaps: () => {
      isSplit = true
    },
    endSlow: ended.resolve,
    statuses,
    cutOffFirst: () => pools[0]!.end(),
    callNext: (process) => {
      turn = process
    },
    finished: async (gid) => {
      const isEnd = (event: SteppingEvent): boolean =>
        event.type === 'job.finished' && event.gid === gid
      await vi.waitFor(() => expect(events.some(isEnd)).toBe(true), { timeout: 25_000 })
    },
  }
}

/**
 * A job whose submit is on its way for more than a second, but comes in time, with steps that are all
 * answered in time. DTM's first visit is counted from the prepare: it falls into the first round.
 */
async function manyShortSteps(fleet: Fleet): Promise<string> {
  fleet.splitOverlaps()
  proxy.set('submit', { after: () => new Promise((resolve) => setTimeout(resolve, 1_500)) })
  const job = fleet.first.createJob()
  for (let n = 0; n < 7; n++) job.addStep(fleet.short)
  return (await job.start()).gid
}

/**
 * A job whose submit DTM gets when it has asked and begun by itself: it then calls all steps anew,
 * those that are done too. The first is done in one process, and is called again in the other.
 */
async function submittedTooLate(fleet: Fleet): Promise<string> {
  const held = Promise.withResolvers<void>()
  proxy.set('submit', { after: () => held.promise })
  const job = fleet.first.createJob().addStep(fleet.quick).addStep(fleet.slow)
  void job.start()
  await vi.waitFor(() => expect(fleet.began).toEqual(['Quick', 'Slow']), { timeout: 15_000 })
  fleet.callNext(1)
  held.resolve()
  return job.gid
}

describe('with a ledger', () => {
  test('a step that is done is not done again in another process', async () => {
    const fleet = await openFleet('with a ledger')
    const gid = await submittedTooLate(fleet)
    // The step that is done, and the one that runs.
    await vi.waitFor(() => expect(fleet.statuses.filter((each) => each === 200)).toHaveLength(2), {
      timeout: 20_000,
    })
    fleet.endSlow()
    await fleet.finished(gid)
    expect(fleet.began).toEqual(['Quick', 'Slow'])
  }, 40_000)

  test('a step that runs in one process is waited for in the other', async () => {
    const fleet = await openFleet('with a ledger')
    const { gid } = await fleet.first.createJob().addStep(fleet.slow).start()
    await vi.waitFor(() => expect(fleet.statuses).toEqual([425, 425, 425]), { timeout: 25_000 })
    fleet.endSlow()
    await fleet.finished(gid)
    expect(fleet.began).toEqual(['Slow'])
  }, 40_000)

  test('a step that failed in one process is tried in the other', async () => {
    // That it failed is the answer to the very call that began it, also on a busy machine.
    const fleet = await openFleet('with a ledger', 2_000)
    const { gid } = await fleet.first.createJob().addStep(fleet.failing).start()
    await fleet.finished(gid)
    expect(fleet.began).toEqual(['Failing', 'Failing'])
    expect(fleet.statuses).toEqual([500, 200])
  }, 40_000)

  test('short steps are begun by one process, though DTM calls beside its first round', async () => {
    const fleet = await openFleet('with a ledger', 2_000)
    await fleet.finished(await manyShortSteps(fleet))
    expect(fleet.overlaps).toEqual([])
    expect(fleet.began).toHaveLength(7)
  }, 40_000)

  test('a step of a process that is cut off is begun in the other when its lease is over', async () => {
    const fleet = await openFleet('with a ledger')
    const { gid } = await fleet.first.createJob().addStep(fleet.slow).start()
    await vi.waitFor(() => expect(fleet.began).toEqual(['Slow']), { timeout: 20_000 })
    await fleet.cutOffFirst()
    await vi.waitFor(() => expect(fleet.began).toEqual(['Slow', 'Slow']), { timeout: 40_000 })
    fleet.endSlow()
    await fleet.finished(gid)
  }, 80_000)
})

describe('without', () => {
  test('a step that is done is done again in another process', async () => {
    const fleet = await openFleet('without')
    await submittedTooLate(fleet)
    await vi.waitFor(() => expect(fleet.began).toContain('Quick'), { timeout: 20_000 })
    await vi.waitFor(() => expect(fleet.began.slice(2)).toContain('Quick'), { timeout: 20_000 })
  }, 40_000)

  test('a short step is begun beside itself when DTM calls beside its first round', async () => {
    const fleet = await openFleet('without', 2_000)
    await manyShortSteps(fleet)
    await vi.waitFor(() => expect(fleet.overlaps.length).toBeGreaterThan(0), { timeout: 20_000 })
  }, 40_000)

  test('a step that runs in one process is begun in the other', async () => {
    const fleet = await openFleet('without')
    await fleet.first.createJob().addStep(fleet.slow).start()
    await vi.waitFor(() => expect(fleet.began).toEqual(['Slow', 'Slow']), { timeout: 15_000 })
  }, 40_000)
})
