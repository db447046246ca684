import { describe, expect, it } from 'vitest'
import type { JobAdmin, JobPageRequest, JobQuery } from './job-admin.ts'
import type { Stepping } from './stepping.ts'
import { fakeApp } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'
import { FakeTransactionManager } from './testing/fake-transaction-manager.ts'

describe('looking at jobs', () => {
  const asked = ['find', 'list', 'retry', 'cancel', 'prune', 'health'] as const
  const limits = { parallelTransactions: 'one connection' }

  /** An app whose transaction manager answers every question with its name. */
  function lookingAt(store: FakeDatabase, ...databases: FakeDatabase[]): Stepping {
    const answers = asked.map((name) => [name, async () => name] as const)
    const jobs = Object.fromEntries(answers) as unknown as JobAdmin
    const tm = new FakeTransactionManager([], { database: store, jobs })
    return fakeApp({ tm, databases }).stepping
  }

  async function ask(stepping: Stepping, name: (typeof asked)[number]): Promise<unknown> {
    if (name === 'health') return await stepping.health()
    if (name === 'list') return await stepping.jobs.list({ state: 'parked' })
    return await stepping.jobs[name]('g1')
  }

  it.each(asked)('asks the transaction manager (%s)', async (name) => {
    const stepping = lookingAt(new FakeDatabase({ name: 'jobs' }))
    expect(await ask(stepping, name)).toBe(name === 'retry' || name === 'cancel' ? undefined : name)
  })

  it.each(asked)(
    'is refused where it would wait for the transaction around it (%s)',
    async (name) => {
      const store = new FakeDatabase({ name: 'jobs', limits })
      const stepping = lookingAt(store)
      const inside = stepping.transaction(store, async () => await ask(stepping, name))
      await expect(inside).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' })
      await expect(inside).rejects.toThrow(/one connection.*after that transaction/)
    },
  )

  it.each(asked)(
    'is allowed inside a transaction where there are connections (%s)',
    async (name) => {
      const store = new FakeDatabase({ name: 'jobs' })
      const stepping = lookingAt(store)
      await stepping.transaction(store, async () => await ask(stepping, name))
    },
  )

  it('lists the jobs of this app, a hundred at most unless told otherwise', async () => {
    const requests: JobPageRequest[] = []
    const list: JobAdmin['list'] = async (request) => {
      requests.push(request)
      return []
    }
    const tm = new FakeTransactionManager([], { jobs: { list } as JobAdmin })
    const { jobs } = fakeApp({ tm }).stepping
    expect(await jobs.list({ state: 'parked' })).toEqual([])
    await jobs.list({ state: 'finished', limit: 1_000, after: 'g1' })
    expect(requests).toEqual([
      { app: 'shop', state: 'parked', limit: 100, after: '' },
      { app: 'shop', state: 'finished', limit: 1_000, after: 'g1' },
    ])
  })

  it.each([
    [undefined, /state is undefined/],
    [{}, /state is undefined, it must be one of prepared, .*parked/],
    [{ state: `parked' or 'a' = 'a` }, /state is "parked' or/],
    [{ state: 'parked', limit: 1_001 }, /limit is 1001, it must be a whole number from 1 to 1000/],
    [{ state: 'parked', after: 7 }, /after is 7, it must be the gid of a job/],
  ])('refuses to list what nothing is: %j', async (query, message) => {
    const tm = new FakeTransactionManager([], { jobs: { list: async () => [] } as never })
    const listed = fakeApp({ tm }).stepping.jobs.list(query as JobQuery)
    await expect(listed).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    await expect(listed).rejects.toThrow(message)
  })

  it('says where to look when its transaction manager cannot list jobs', async () => {
    const tm = new FakeTransactionManager([], { jobs: {} as JobAdmin })
    const listed = fakeApp({ tm }).stepping.jobs.list({ state: 'parked' })
    await expect(listed).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    await expect(listed).rejects.toThrow(/cannot list jobs.*its own tools/)
  })

  it('is refused where it asks another database with one connection', async () => {
    const orders = new FakeDatabase({ name: 'orders', limits })
    const stepping = lookingAt(new FakeDatabase({ name: 'jobs' }), orders)
    const nested = { code: 'TRANSACTION_NESTED' }
    await stepping.transaction(orders, async () => {
      await stepping.jobs.find('g1')
      await expect(stepping.jobs.cancel('g1')).rejects.toMatchObject(nested)
      await expect(stepping.jobs.prune()).rejects.toMatchObject(nested)
      await expect(stepping.migrate()).rejects.toMatchObject(nested)
      await expect(stepping.start()).rejects.toMatchObject(nested)
    })
  })
})
