import { describe, expect, it } from 'vitest'
import { DatabaseRegistry } from './database-registry.ts'
import type { AnyDatabase } from './db-context.ts'
import { tenantDatabases } from './tenant-databases.ts'
import type { TenantDatabases } from './tenant-databases.ts'
import { FakeDatabase } from './testing/fake-database.ts'

const unregistered = expect.objectContaining({ code: 'DATABASE_NOT_REGISTERED' })
const duplicate = expect.objectContaining({ code: 'DATABASE_DUPLICATE' })

/** One database for each tenant, made when it is resolved; `unknown` has none. */
function shops(name = 'shop'): TenantDatabases<FakeDatabase> {
  return tenantDatabases({
    name,
    resolve: (tenant) => (tenant === 'unknown' ? undefined : new FakeDatabase({ name, tenant })),
  })
}

describe('the registered databases', () => {
  it('are found by name and tenant', async () => {
    const plain = new FakeDatabase({ name: 'orders' })
    const acme = new FakeDatabase({ name: 'orders', tenant: 'acme' })
    const registry = new DatabaseRegistry([plain, acme])
    expect(await registry.find({ name: 'orders' })).toBe(plain)
    expect(await registry.find({ name: 'orders', tenant: 'acme' })).toBe(acme)
  })

  it('may list one database twice', () => {
    const orders = new FakeDatabase({ name: 'orders' })
    expect(new DatabaseRegistry([orders, orders]).single).toEqual([orders])
  })

  it('never share a name', () => {
    const twins = [new FakeDatabase({ name: 'orders' }), new FakeDatabase({ name: 'orders' })]
    expect(() => new DatabaseRegistry(twins)).toThrow(duplicate)
  })

  it('refuse a ref that a stored job made up', async () => {
    const registry = new DatabaseRegistry([new FakeDatabase({ name: 'orders' })])
    await expect(registry.find({ name: 'payroll' })).rejects.toEqual(unregistered)
    await expect(registry.find({ name: 'orders', tenant: 'acme' })).rejects.toEqual(unregistered)
  })

  it('refuse a second object of a registered name', () => {
    const registry = new DatabaseRegistry([new FakeDatabase({ name: 'orders' })])
    expect(() => registry.assertRegistered(new FakeDatabase({ name: 'orders' }))).toThrow(
      unregistered,
    )
  })

  it.each([
    ['what an import cycle left undefined', undefined],
    ['a driver instead of an adapter', { query: () => {} }],
  ])('are no %s', (_name, given) => {
    expect(() => new DatabaseRegistry([given as unknown as AnyDatabase])).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID' }),
    )
  })
})

describe('the databases of tenants', () => {
  it('are resolved when a stored job names one', async () => {
    const tenants = shops()
    const registry = new DatabaseRegistry([tenants])
    const found = await registry.find({ name: 'shop', tenant: 'acme' })
    expect(found.ref).toEqual({ name: 'shop', tenant: 'acme' })
    expect(found).toBe(await tenants.get('acme'))
  })

  it('refuse a tenant that cannot be resolved', async () => {
    const registry = new DatabaseRegistry([shops()])
    await expect(registry.find({ name: 'shop', tenant: 'unknown' })).rejects.toMatchObject({
      code: 'TENANT_UNRESOLVED',
    })
  })

  it('refuse a ref without a tenant', async () => {
    await expect(new DatabaseRegistry([shops()]).find({ name: 'shop' })).rejects.toEqual(
      unregistered,
    )
  })

  it('may be used when get gave them out, also after they were forgotten', async () => {
    const tenants = shops()
    const registry = new DatabaseRegistry([tenants])
    const acme = await tenants.get('acme')
    tenants.forget('acme')
    expect(() => registry.assertRegistered(acme)).not.toThrow()
  })

  it('may not be used when they were made beside get', () => {
    const registry = new DatabaseRegistry([shops()])
    const stranger = new FakeDatabase({ name: 'shop', tenant: 'acme' })
    expect(() => registry.assertRegistered(stranger)).toThrow(unregistered)
    expect(() => registry.assertRegistered(stranger)).toThrow(/get\('acme'\)/)
  })

  it('are known once they are resolved, beside the single ones', async () => {
    const tenants = shops()
    const orders = new FakeDatabase({ name: 'orders' })
    const registry = new DatabaseRegistry([orders, tenants])
    expect(registry.known).toEqual([orders])
    const acme = await tenants.get('acme')
    expect(registry.known).toEqual([orders, acme])
    expect(registry.single).toEqual([orders])
  })

  it('are listed by tenant, of all names', async () => {
    const [shop, billing] = [shops('shop'), shops('billing')]
    const ledger = new FakeDatabase({ name: 'ledger', tenant: 'acme' })
    const registry = new DatabaseRegistry([shop, billing, ledger])
    expect(await registry.ofTenant('acme')).toEqual([
      ledger,
      await shop.get('acme'),
      await billing.get('acme'),
    ])
  })

  it('are none where no tenants are registered', async () => {
    const registry = new DatabaseRegistry([new FakeDatabase({ name: 'orders' })])
    await expect(registry.ofTenant('acme')).rejects.toEqual(unregistered)
  })

  it('share their name with no other databases', () => {
    const orders = new FakeDatabase({ name: 'shop' })
    expect(() => new DatabaseRegistry([shops(), shops()])).toThrow(duplicate)
    expect(() => new DatabaseRegistry([orders, shops()])).toThrow(duplicate)
  })

  it('may be registered beside one of them, as where the jobs are stored', async () => {
    const tenants = shops()
    const acme = await tenants.get('acme')
    const registry = new DatabaseRegistry([tenants, acme])
    expect(await registry.find(acme.ref)).toBe(acme)
    expect(registry.known).toEqual([acme])
  })

  it('are not found under a name that only looks like one of them', async () => {
    const odd = new FakeDatabase({ name: 'shop/acme' })
    const registry = new DatabaseRegistry([odd, shops()])
    expect(await registry.find({ name: 'shop', tenant: 'acme' })).not.toBe(odd)
  })
})
