import type { JobRecord } from '@stepping/core'
import { describe, expect, it } from 'vitest'
import { decodeReference, encodeReference, signedText } from './prepared-reference.ts'

const job: JobRecord = {
  gid: 'order-1',
  app: 'Müllers Läden & Söhne',
  steps: [],
  notAfter: 0,
  callerGid: true,
  byHand: false,
}

const databases = [
  undefined,
  { name: 'orders', identity: 'i' },
  { name: 'a&b=c', tenant: 'acme/1', identity: 'i' },
]

describe.each(databases)('the reference to a job of the database %j', (database) => {
  const record = database ? { ...job, database } : job

  it('comes out of the URL as it went in', () => {
    const url = new URL(`http://shop/?${encodeReference(record).toString()}`)
    // What DTM appends.
    for (const each of ['branch_id=00', 'gid=8d2f', 'op=msg']) url.search += `&${each}`
    const { gid, app } = job
    expect(decodeReference(url.searchParams)).toEqual({ gid, app, ...(database && { database }) })
  })

  it('has the gid first, where clients in other languages look for it', () => {
    expect([...encodeReference(record).keys()][0]).toBe('gid')
  })
})

describe('what is signed of a reference', () => {
  it.each([
    { gid: 'order-2' },
    { app: 'market' },
    { database: { name: 'orders', identity: 'i' } },
    { database: { name: 'order', tenant: 's', identity: 'i' } },
    { database: { name: 'orders', tenant: '', identity: 'i' } },
  ])('differs for %j', (change) => {
    const others = [job, { ...job, database: { name: 'orders', tenant: 'x', identity: 'i' } }]
    const texts = [...others, { ...job, ...change }].map(signedText)
    expect(new Set(texts).size).toBe(texts.length)
  })

  it('is no step message, whose MAC would then fit', () => {
    expect(signedText(job)).toMatch(/^\[/)
  })
})

describe('what names no job', () => {
  it.each([
    '',
    'gid=a',
    'app=a',
    'gid=a&app=b&database=c',
    'gid=a&app=b&identity=c',
    'gid=a&app=b&tenant=c',
  ])('is %j', (query) => {
    expect(decodeReference(new URLSearchParams(query))).toBeUndefined()
  })
})
