import { barrierRetentionMs, defineStep, tenantDatabases } from '@stepping/core'
import type { TenantDatabases } from '@stepping/core'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { startApp } from './app.ts'
import type { App } from './app.ts'
import { nodePostgres } from './harness.ts'
import type { Harness, HarnessOptions, TestDatabase } from './harness.ts'
import { orders } from './schema.ts'

let store: Harness
let acme: Harness
let umbrella: Harness
/** Where `resolve` looks. */
let directory: Map<string, () => TestDatabase>
let shops: TenantDatabases<TestDatabase>

async function open(options?: HarnessOptions): Promise<Harness> {
  const opened = await nodePostgres.open(options)
  onTestFinished(() => opened.close())
  return opened
}

/** How the directory names a tenant's database. */
function listed(h: Harness, tenant: string): () => TestDatabase {
  return () => h.over({ name: 'shop', tenant })
}

beforeEach(async () => {
  ;[store, acme, umbrella] = await Promise.all([open({ name: 'jobs' }), open(), open()])
  directory = new Map([
    ['acme', listed(acme, 'acme')],
    ['umbrella', listed(umbrella, 'umbrella')],
  ])
  shops = tenantDatabases({
    name: 'shop',
    resolve: async (tenant) => directory.get(tenant)?.(),
  })
})

async function start(steps?: Parameters<typeof startApp>[0]['steps']): Promise<App> {
  return await startApp({ databases: [shops], store: store.database, ...(steps && { steps }) })
}

/** Orders in a transaction that commits, and dies before the submit; `meanwhile` it is still open. */
async function orderAndDie(
  app: App,
  h: Harness,
  tenant: string,
  sku: string,
  meanwhile?: () => unknown,
): Promise<string> {
  const database = await shops.get(tenant)
  return await h.db.transaction(async (tx) => {
    await tx.insert(orders).values({ sku })
    const job = app.stepping.createJob(database.context(tx)).addStep(app.note, sku)
    await job.prepareAndInsertBarrier()
    await meanwhile?.()
    return job.gid
  })
}

/** Resolves with the error that keeps a prepared job's transaction from being asked. */
async function unresolved(app: App, gid: string): Promise<Error> {
  return await vi.waitFor(
    () => {
      const told = app.events.find((event) => event.type === 'job.unresolved' && event.gid === gid)
      if (told?.type !== 'job.unresolved') throw new Error(`nothing was told of ${gid}`)
      return told.error
    },
    { timeout: 10_000, interval: 10 },
  )
}

async function stateOf(app: App, gid: string) {
  const { state, lastError } = (await app.stepping.jobs.find(gid))!
  return { state, lastError }
}

describe('jobs of two tenants', () => {
  test('are each tied to the database of their tenant', async () => {
    const app = await start()
    const gids = await Promise.all(
      ['acme', 'umbrella'].map(
        async (tenant) =>
          await app.stepping.transaction(await shops.get(tenant), async (tx, job) => {
            await tx.insert(orders).values({ sku: tenant })
            return job.addStep(app.note, tenant).gid
          }),
      ),
    )
    await Promise.all([app.noted('acme'), app.noted('umbrella')])
    expect([await acme.skus(), await umbrella.skus()]).toEqual([['acme'], ['umbrella']])
    expect(await acme.barrier(gids[0]!)).toMatchObject([{ reason: 'msg' }])
    expect(await umbrella.barrier(gids[1]!)).toMatchObject([{ reason: 'msg' }])
    expect([await acme.barrier(gids[1]!), await umbrella.barrier(gids[0]!)]).toEqual([[], []])
  })

  test('are decided by that one after a crash before the submit', async () => {
    const app = await start()
    const gid = await orderAndDie(app, acme, 'acme', 'committed')
    let lost = ''
    const stop = new Error('stop')
    const rolledBack = orderAndDie(app, umbrella, 'umbrella', 'rolled back', () => {
      throw stop
    })
    await expect(rolledBack).rejects.toBe(stop)
    await app.noted('committed')
    await vi.waitFor(
      () => {
        const told = app.events.find((event) => event.type === 'job.rolledBack')
        lost = told?.gid ?? ''
        expect(lost).not.toBe('')
      },
      { timeout: 10_000, interval: 10 },
    )
    expect(app.notes).not.toContain('rolled back')
    expect(await acme.barrier(gid)).toMatchObject([{ reason: 'msg' }])
    expect(await umbrella.barrier(lost)).toMatchObject([{ reason: 'rollback' }])
    expect([await acme.barrier(lost), await umbrella.barrier(gid)]).toEqual([[], []])
  })

  test('have their effects once, each in the database of its tenant', async () => {
    const count = defineStep({
      name: 'Count',
      backoff: { firstMs: 10 },
      async run({ once, attempt }) {
        await once(await shops.get('acme'), async (tx, job) => {
          await tx.insert(orders).values({ sku: `counted in attempt ${attempt}` })
          job.addStep(app.note, 'counted')
        })
        if (attempt === 1) throw new Error('after the effect')
      },
    })
    const app = await start([count])
    await app.stepping.createJob().addStep(count).addStep(app.note, 'after it').start()
    await Promise.all([app.noted('counted'), app.noted('after it')])
    expect(await acme.skus()).toEqual(['counted in attempt 1'])
  })
})

describe('a prepared job whose tenant', () => {
  test.each([
    {
      what: 'cannot be looked up',
      entry: () => {
        throw new Error('the directory is down')
      },
      says: /"acme" of shop .*resolve failed.*: the directory is down/,
    },
    { what: 'is not known any more', entry: undefined, says: /"acme" of shop .*gave undefined/ },
  ])('$what stays prepared, and is done when it is resolved', async ({ entry, says }) => {
    const app = await start()
    const gid = await orderAndDie(app, acme, 'acme', 'patient', () => {
      shops.forget('acme')
      if (entry) directory.set('acme', entry)
      else directory.delete('acme')
    })
    expect(await unresolved(app, gid)).toMatchObject({ code: 'TENANT_UNRESOLVED' })
    await vi.waitFor(async () =>
      expect(await stateOf(app, gid)).toEqual({
        state: 'prepared',
        lastError: expect.stringMatching(says),
      }),
    )
    directory.set('acme', listed(acme, 'acme'))
    await app.noted('patient')
    expect(await acme.barrier(gid)).toMatchObject([{ reason: 'msg' }])
  })

  test('is taken for another one is not answered by that', async () => {
    const app = await start()
    const gid = await orderAndDie(app, acme, 'acme', 'patient', () => {
      shops.forget('acme')
      directory.set('acme', listed(umbrella, 'acme'))
    })
    expect(await unresolved(app, gid)).toMatchObject({ code: 'DATABASE_CHANGED' })
    expect(await umbrella.barrier(gid)).toEqual([])
    shops.forget('acme')
    directory.set('acme', listed(acme, 'acme'))
    await app.noted('patient')
  })

  test('was closed is asked through its next pool, once it is forgotten', async () => {
    const app = await start()
    const closed = await nodePostgres.open({ url: acme.url! })
    await closed.close()
    const gid = await orderAndDie(app, acme, 'acme', 'patient', async () => {
      shops.forget('acme')
      directory.set('acme', listed(closed, 'acme'))
      await shops.get('acme')
    })
    expect((await unresolved(app, gid)).message).toMatch(/pool/)
    directory.set('acme', listed(acme, 'acme'))
    shops.forget('acme')
    await app.noted('patient')
  })
})

describe('the tables of a tenant', () => {
  test('are created for that tenant alone', async () => {
    const app = await start()
    const other = await open({ migrated: false })
    directory.set('initech', listed(other, 'initech'))
    const initech = await shops.get('initech')
    const missing = { code: 'SCHEMA_MISSING' }
    await expect(initech.identity()).rejects.toMatchObject(missing)
    await app.stepping.migrate()
    await expect(initech.identity()).rejects.toMatchObject(missing)
    await app.stepping.migrate({ tenant: 'initech' })
    expect(await initech.identity()).not.toBe(await (await shops.get('acme')).identity())
    await expect(app.stepping.migrate({ tenant: 'unknown' })).rejects.toMatchObject({
      code: 'TENANT_UNRESOLVED',
    })
  })

  test('are cleaned once this process has resolved it', async () => {
    const app = await start()
    for (const h of [acme, umbrella]) {
      await h.query(
        `insert into stepping.barrier (trans_type, gid, branch_id, op, barrier_id, reason, create_time)
        values ('msg', 'old', '00', 'msg', '01', 'rollback', clock_timestamp() - $1::float8 * interval '1 ms')`,
        [barrierRetentionMs + 60_000],
      )
    }
    await shops.get('acme')
    expect(await app.stepping.jobs.prune()).toBe(1)
    expect(await acme.barrier('old')).toEqual([])
    expect(await umbrella.barrier('old')).toHaveLength(1)
  })
})
