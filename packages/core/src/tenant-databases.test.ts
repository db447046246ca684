import { describe, expect, it, vi } from 'vitest'
import { defineStep } from './step.ts'
import { tenantDatabases } from './tenant-databases.ts'
import type { TenantDatabasesOptions } from './tenant-databases.ts'
import { callOf, fakeApp, participantOf, sendMail } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'

type Resolve = TenantDatabasesOptions<FakeDatabase>['resolve']

const shopOf = (tenant: string): FakeDatabase => new FakeDatabase({ name: 'shop', tenant })
const unresolved = expect.objectContaining({ code: 'TENANT_UNRESOLVED' })

function shops(resolve: Resolve) {
  const asked = vi.fn<Resolve>(resolve)
  return { asked, tenants: tenantDatabases({ name: 'shop', resolve: asked }) }
}

describe('the database of a tenant', () => {
  it('is resolved when it is first asked for, and then remembered', async () => {
    const { asked, tenants } = shops(shopOf)
    expect(asked).not.toHaveBeenCalled()
    const acme = await tenants.get('acme')
    expect(await tenants.get('acme')).toBe(acme)
    expect(await tenants.get('umbrella')).not.toBe(acme)
    expect(asked.mock.calls).toEqual([['acme'], ['umbrella']])
  })

  it('is resolved once for all who ask at once', async () => {
    const { asked, tenants } = shops(async (tenant) => shopOf(tenant))
    const [first, second] = await Promise.all([tenants.get('acme'), tenants.get('acme')])
    expect(first).toBe(second)
    expect(asked).toHaveBeenCalledTimes(1)
  })

  it('is asked for again after resolve failed', async () => {
    const down = new Error('the directory is down')
    const { asked, tenants } = shops(shopOf)
    asked.mockRejectedValueOnce(down)
    const failed = tenants.get('acme')
    await expect(failed).rejects.toEqual(unresolved)
    await expect(failed).rejects.toMatchObject({ cause: down })
    expect((await tenants.get('acme')).ref.tenant).toBe('acme')
  })

  it('is asked for again after resolve threw', async () => {
    const { asked, tenants } = shops(shopOf)
    asked.mockImplementationOnce(() => {
      throw new Error('no pool left')
    })
    await expect(tenants.get('acme')).rejects.toEqual(unresolved)
    expect((await tenants.get('acme')).ref.tenant).toBe('acme')
  })

  it('is asked for again after there was no such tenant', async () => {
    const { asked, tenants } = shops(shopOf)
    asked.mockReturnValueOnce(undefined)
    await expect(tenants.get('acme')).rejects.toThrow(/"acme" of shop .*resolve gave undefined/)
    expect((await tenants.get('acme')).ref.tenant).toBe('acme')
  })

  it.each([
    ['another tenant', { name: 'shop', tenant: 'umbrella' }],
    ['another name', { name: 'orders', tenant: 'acme' }],
    ['no tenant', { name: 'shop' }],
  ])('is refused when it is of %s, and not remembered', async (_name, ref) => {
    const { asked, tenants } = shops(shopOf)
    asked.mockReturnValueOnce(new FakeDatabase(ref))
    const refused = tenants.get('acme')
    await expect(refused).rejects.toMatchObject({ code: 'DATABASE_INVALID' })
    await expect(refused).rejects.toThrow(JSON.stringify(ref))
    expect(tenants.known).toEqual([])
    expect((await tenants.get('acme')).ref.tenant).toBe('acme')
  })

  it.each([[''], [undefined]])('is not asked for without a tenant (%j)', async (tenant) => {
    const { asked, tenants } = shops(shopOf)
    await expect(tenants.get(tenant as string)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    expect(asked).not.toHaveBeenCalled()
  })
})

describe('a tenant that is forgotten', () => {
  it('is resolved anew, and not known until then', async () => {
    const { tenants } = shops(shopOf)
    const before = await tenants.get('acme')
    tenants.forget('acme')
    expect(tenants.known).toEqual([])
    const after = await tenants.get('acme')
    expect(after).not.toBe(before)
    expect(tenants.known).toEqual([after])
  })

  it('while it is being resolved is not remembered by that', async () => {
    const slow = Promise.withResolvers<FakeDatabase>()
    const { asked, tenants } = shops(shopOf)
    asked.mockReturnValueOnce(slow.promise)
    const before = tenants.get('acme')
    tenants.forget('acme')
    const after = await tenants.get('acme')
    slow.resolve(shopOf('acme'))
    expect(await before).not.toBe(after)
    expect(tenants.known).toEqual([after])
  })

  it('while it is being resolved keeps what came after it, though that failed', async () => {
    const slow = Promise.withResolvers<FakeDatabase>()
    const { asked, tenants } = shops(shopOf)
    asked.mockReturnValueOnce(slow.promise)
    const before = tenants.get('acme')
    tenants.forget('acme')
    const after = await tenants.get('acme')
    slow.reject(new Error('closed'))
    await expect(before).rejects.toEqual(unresolved)
    expect(tenants.known).toEqual([after])
  })
})

describe('a job of a tenant', () => {
  it('is tied to a transaction of the database that get gave', async () => {
    const { tenants } = shops(shopOf)
    const { stepping, tm } = fakeApp({ databases: [tenants] })
    const acme = await tenants.get('acme')
    await stepping.transaction(acme, async (_tx, job) => void job.addStep(sendMail))
    expect(tm.jobsBy('submit')[0]?.database).toEqual({
      name: 'shop',
      tenant: 'acme',
      identity: 'identity of shop/acme',
    })
    expect([...acme.barrierRows.values()]).toEqual(['msg'])
  })

  it('is tied to a transaction by hand', async () => {
    const { tenants } = shops(shopOf)
    const { stepping, tm } = fakeApp({ databases: [tenants] })
    const acme = await tenants.get('acme')
    const job = stepping.createJob(acme.context(acme.begin())).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    expect(tm.jobsBy('prepare')[0]?.database).toMatchObject({ name: 'shop', tenant: 'acme' })
  })

  it('is refused with a database that did not come from get', async () => {
    const { tenants } = shops(shopOf)
    const { stepping } = fakeApp({ databases: [tenants] })
    const done = stepping.transaction(shopOf('acme'), async () => {})
    await expect(done).rejects.toMatchObject({ code: 'DATABASE_NOT_REGISTERED' })
  })

  it('has its effect once in the database of its tenant', async () => {
    const { tenants } = shops(shopOf)
    const pay = defineStep({
      name: 'Pay',
      run: async ({ once }) =>
        void (await once(await tenants.get('acme'), async (tx) => tx.insert('payment'))),
    })
    const participant = await participantOf(fakeApp({ databases: [tenants], steps: [pay] }))
    await participant.runStep(callOf(pay))
    await participant.runStep(callOf(pay, { attempt: 2 }))
    expect((await tenants.get('acme')).rows).toEqual(['payment'])
  })
})

describe('databases of tenants', () => {
  it.each([
    ['a name', { name: '', resolve: shopOf }],
    ['a function that resolves them', { name: 'shop', resolve: shopOf('acme') as never }],
  ])('need %s', (_name, options) => {
    expect(() => tenantDatabases(options)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID' }),
    )
  })

  it('tell what came from them', async () => {
    const { tenants } = shops(shopOf)
    expect(tenants.has(await tenants.get('acme'))).toBe(true)
    expect(tenants.has(shopOf('acme'))).toBe(false)
  })
})
