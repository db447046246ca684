import { describe, expect, it } from 'vitest'
import { DatabaseRegistry } from './database-registry.ts'
import { FakeDatabase } from './testing/fake-database.ts'

const unregistered = expect.objectContaining({ code: 'DATABASE_NOT_REGISTERED' })

describe('the registered databases', () => {
  it('are found by name and tenant', () => {
    const plain = new FakeDatabase({ name: 'orders' })
    const acme = new FakeDatabase({ name: 'orders', tenant: 'acme' })
    const registry = new DatabaseRegistry([plain, acme])
    expect(registry.get({ name: 'orders' })).toBe(plain)
    expect(registry.get({ name: 'orders', tenant: 'acme' })).toBe(acme)
  })

  it('may list one database twice', () => {
    const orders = new FakeDatabase({ name: 'orders' })
    expect(new DatabaseRegistry([orders, orders]).all).toEqual([orders])
  })

  it('never share a name', () => {
    const twins = [new FakeDatabase({ name: 'orders' }), new FakeDatabase({ name: 'orders' })]
    expect(() => new DatabaseRegistry(twins)).toThrow(
      expect.objectContaining({ code: 'DATABASE_DUPLICATE' }),
    )
  })

  it('refuse a ref that a stored job made up', () => {
    const registry = new DatabaseRegistry([new FakeDatabase({ name: 'orders' })])
    expect(() => registry.get({ name: 'payroll' })).toThrow(unregistered)
    expect(() => registry.get({ name: 'orders', tenant: 'acme' })).toThrow(unregistered)
  })

  it('refuse a second object of a registered name', () => {
    const registry = new DatabaseRegistry([new FakeDatabase({ name: 'orders' })])
    expect(() => registry.assertRegistered(new FakeDatabase({ name: 'orders' }))).toThrow(
      unregistered,
    )
  })
})
