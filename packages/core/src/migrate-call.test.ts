import { expect, it } from 'vitest'
import { migrateCall } from './migrate-call.ts'

const all = 'run `await stepping.migrate()` once when deploying'

it('is for everything where a database has no tenant', () => {
  expect(migrateCall({ name: 'orders' }, 'stepping')).toBe(all)
})

it('names the tenant, whom a call for everything leaves out', () => {
  expect(migrateCall({ name: 'shop', tenant: 'acme' }, 'stepping')).toBe(
    "run `await stepping.migrate({ tenant: 'acme' })` once when deploying",
  )
})

it('is for everything where the tables are those of the transaction manager', () => {
  expect(migrateCall({ name: 'shop', tenant: 'acme' }, 'self-tm')).toBe(all)
})

it('can be copied whatever the tenant is called', () => {
  expect(migrateCall({ name: 'shop', tenant: "o'neill" }, 'stepping')).toContain(
    String.raw`{ tenant: 'o\'neill' }`,
  )
})
