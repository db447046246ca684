import type { CommittableContext } from '@stepping/core'
import { setTimeout as delay } from 'node:timers/promises'
import type { App, AppSettings } from './app.ts'
import type { Crash, CrashPoint, StandingPoint } from './crash-points.ts'
import type { Row, Table } from './library.ts'
import type { Outage } from './outages.ts'
import { readTraces } from './trace.ts'

/** An order that its process dies with. */
interface Death {
  readonly name: `crash ${CrashPoint}`
  readonly point: CrashPoint
}

export interface Actor {
  readonly app: App
  readonly settings: AppSettings
  readonly crash: Crash
  /** What went wrong is told as `unexpected`. */
  readonly say: (line: string) => void
  /** SIGKILL for this process, as soon as each app in it that is to die asks for it. Never resolves. */
  readonly die: () => Promise<never>
  /** Beside few others in this process. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>
}

/** On a busy machine DTM, which calls one app after another, takes minutes for all of them. */
const settleMs = 300_000

/** Everything an app does with the library, each by its name. */
export function actionsOf({
  app,
  settings,
  crash,
  say,
  die,
  inTurn,
}: Actor): Record<string, () => Promise<void>> {
  const { library, orders, stepping, tenants, trace, fill } = app

  let round = 0
  const stood: Promise<unknown>[] = []
  let answered = 0

  const actions: Record<string, () => Promise<void>> = {
    async migrate() {
      await library.createTables()
      await stepping.migrate()
    },

    async commit() {
      const { gid } = await place('commit')
      trace({ what: 'committed', gid, label: 'commit' })
    },

    async 'fail twice'() {
      const { gid } = await place('fail twice', { failures: 2 })
      trace({ what: 'committed', gid, label: 'fail twice' })
    },

    async 'roll back'() {
      await expectRejection('out of stock', () => place('roll back', { fail: true }))
    },

    async 'roll back by hand'() {
      await expectRejection('out of stock', () =>
        library.ownTransaction!(async (tx, context) => {
          const job = stepping.createJob({ ...context, database: orders })
          await fill(tx, job, 'roll back by hand')
          await job.prepareAndInsertBarrier()
          throw new Error('out of stock')
        }),
      )
    },

    async 'no transaction'() {
      const job = stepping.createJob()
      trace({ what: 'placed', gid: job.gid, label: 'no transaction' })
      app.addSteps(job, 'no transaction')
      await job.start()
      trace({ what: 'committed', gid: job.gid, label: 'no transaction' })
    },

    async 'same gid'() {
      const options = { gid: `message-${crypto.randomUUID()}` }
      await stepping.transaction(orders, async (tx, job) => fill(tx, job, 'same gid'), options)
      trace({ what: 'committed', gid: options.gid, label: 'same gid' })
      await expectRejection('JOB_DUPLICATE', () =>
        stepping.transaction(orders, async (tx, job) => fill(tx, job, 'same gid again'), options),
      )
    },

    async 'by hand'() {
      const job = await library.ownTransaction!(async (tx, context) => {
        const prepared = stepping.createJob({ ...context, database: orders })
        await fill(tx, prepared, 'by hand')
        await prepared.prepareAndInsertBarrier()
        return prepared
      })
      trace({ what: 'committed', gid: job.gid, label: 'by hand' })
      await job.submit()
    },

    async 'never submitted'() {
      const gid = await library.ownTransaction!(async (tx, context) => {
        const job = stepping.createJob({ ...context, database: orders })
        await fill(tx, job, 'never submitted')
        await job.prepareAndInsertBarrier()
        return job.gid
      })
      trace({ what: 'committed', gid, label: 'never submitted' })
    },

    async 'begin and commit'() {
      const begun = await library.begin!()
      try {
        const job = stepping.createJob(orders.context(begun.tx) as CommittableContext)
        await fill(begun.tx, job, 'begin and commit')
        await job.start()
        trace({ what: 'committed', gid: job.gid, label: 'begin and commit' })
      } finally {
        await begun.end()
      }
    },

    /** Asked about before its barrier row is there, a job is dropped; its transaction must not commit. */
    async 'late commit'() {
      await expectRejection('BARRIER_DECIDED', () =>
        stepping.transaction(orders, async (tx, job) => {
          await fill(tx, job, 'late commit')
          const identity = await library.database.identity()
          const notAfter = Date.now() + 60_000
          await library.database.barrier.resolve({ gid: job.gid, notAfter, identity })
        }),
      )
    },

    /** For each one that is submitted, and one that its own database has to be asked about. */
    async 'two tenants'() {
      for (const tenant of tenants.names) {
        const database = await tenants.database(tenant)
        const own = tenants.libraries.get(tenant)!
        await own.createTables()
        await stepping.migrate({ tenant })
        const label = 'two tenants'
        await stepping.transaction(database, async (tx, job) => fill(tx, job, label, { tenant }))
        await own.ownTransaction?.(async (tx, context) => {
          const job = stepping.createJob(context)
          await fill(tx, job, label, { tenant })
          await job.prepareAndInsertBarrier()
        })
      }
    },

    /** SIGKILL, with a job at each of its points: nothing that the process still has in its hands gets out. */
    async crash() {
      const begin = performance.now()
      await inTurn(async () => {
        for (const point of settings.crash ?? []) {
          await standFor({ name: `crash ${point}` as const, point })
        }
      })
      say(`stood at its points ${Math.round(performance.now() - begin)}`)
      await die()
    },

    /** Places an order for each outage of the next round, which stands where the outage is to find it, until `letGo`. */
    async stand() {
      await inTurn(async () => {
        for (const outage of settings.outages?.[round] ?? []) await standFor(outage)
      })
      const gone = crash.gone()
      say(`stands in round ${round++}`)
      await gone
    },

    /** Places orders of all kinds until the process is killed, whatever fails on the way. */
    async load() {
      const kinds = [
        'commit',
        'roll back',
        'no transaction',
        ...(library.ownTransaction ? ['by hand', 'never submitted', 'roll back by hand'] : []),
        ...(library.begin ? ['begin and commit'] : []),
      ]
      for (let n = process.pid; ; n++) {
        await actions[kinds[n % kinds.length]!]!().catch(() => {})
        await delay(settings.loadEveryMs)
      }
    },

    async settle() {
      const settled = Promise.all(stood).then(() => app.manager.settled(stepping))
      const deadline = delay(settleMs, 'late', { ref: false })
      if ((await Promise.race([settled, deadline])) === 'late') throw new Error(await left())
    },

    async rows() {
      for (const tenant of tenants.names) await tenants.database(tenant)
      const all: { [table in Table]: Row[] } = { orders: [], ledger: [] }
      for (const [table, rows] of Object.entries(all) as [Table, Row[]][]) {
        rows.push(...(await library.rows(table)))
        for (const [tenant, own] of tenants.libraries) {
          rows.push(...(await own.rows(table)).map((row) => ({ ...row, tenant })))
        }
      }
      say(`rows ${JSON.stringify(all)}`)
    },

    close: () => app.close(),
  }
  return actions

  async function place(
    label: string,
    {
      failures,
      fail = false,
      point,
    }: { failures?: number; fail?: boolean; point?: StandingPoint } = {},
  ): Promise<{ gid: string }> {
    return await stepping.transaction(orders, async (tx, job) => {
      if (point) crash.own(job.gid, point)
      await fill(tx, job, label, { failures })
      if (fail) throw new Error('out of stock')
      return { gid: job.gid }
    })
  }

  /**
   * Places an order that stands at the point; another one, where that is refused because a server is not back yet, or where
   * another process has taken the job, whose lease ran out.
   */
  async function standFor({ name, point }: Omit<Outage, 'role'> | Death): Promise<void> {
    const begin = performance.now()
    const told: string[] = []
    while (performance.now() - begin < 60_000) {
      const placed = place(name, { point }).then(({ gid }) =>
        trace({ what: 'committed', gid, label: name }),
      )
      // Whether it committed is for the judge to say.
      const answer = placed
        .catch((error: Error) => told.push(error.message))
        .finally(() => answered++)
      stood.push(answer)
      const refused = placed.then(() => delay(3_000)).catch(() => delay(50))
      const stands = crash.reached(point).then(() => 'stands')
      if ((await Promise.race([stands, refused, delay(5_000)])) === 'stands') return
    }
    throw new Error(
      `No order stands at the point of ${name}. Its callers were told: ${told.join('; ')}`,
    )
  }

  /** What is not over, for people. */
  async function left(): Promise<string> {
    const jobs: string[] = []
    for (const { gid, label } of readTraces(settings.trace).filter(
      ({ what }) => what === 'placed',
    )) {
      const { state = 'unknown', lastError } = (await stepping.jobs.find(gid)) ?? {}
      if (!['finished', 'rolledBack'].includes(state))
        jobs.push(`${label} ${gid}: ${state} ${lastError ?? ''}`)
    }
    return `after ${settleMs / 60_000} minutes there are left:\n${jobs.join('\n')}\n${answered} of ${stood.length} callers were answered`
  }

  async function expectRejection(text: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string }
      if (!`${code} ${message}`.includes(text)) say(`unexpected ${code} ${message}`)
      return
    }
    say(`unexpected: not rejected with ${text}`)
  }
}
