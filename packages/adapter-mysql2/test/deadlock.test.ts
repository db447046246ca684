import { defineStep } from '@stepping/core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openPath, paths, startApp } from './app.ts'
import { begun, deadlock, newKey, open, openForTest, order } from './harness.ts'
import type { Harness } from './harness.ts'

/**
 * The server rolls the whole transaction of a deadlock's victim back, and goes on as if none had
 * been: what comes next commits by itself, and COMMIT answers "done".
 */
describe('after a deadlock whose error is swallowed', () => {
  let h: Harness
  beforeAll(async () => {
    h = await open()
  })
  afterAll(() => h.close())

  test('the deadlock of these tests is one', async () => {
    await begun(h, async (connection) => {
      await order(connection, 'victim')
      expect(await deadlock(h, connection)).toMatchObject({ errno: 1213 })
      const [header] = await connection.query('do 0')
      expect(header).toMatchObject({ serverStatus: expect.any(Number) as number })
      expect((header as { serverStatus: number }).serverStatus & 1).toBe(0)
    })
  })

  test('a transaction that wrote no barrier is not taken for committed', async () => {
    const swallowed = h.database.transaction(async (connection) => {
      await order(connection, 'plain')
      await deadlock(h, connection)
    })
    await expect(swallowed).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
    expect(await h.skus()).not.toContain('plain')
  })

  test('no barrier is written, and the transaction is not taken for committed', async () => {
    const key = await newKey(h.database)
    const swallowed = h.database.transaction(async (connection) => {
      await order(connection, 'before the barrier')
      await deadlock(h, connection)
      await h.database.barrier.insert(h.database.context(connection), key)
    })
    await expect(swallowed).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('a barrier that was written before is gone, and so is the commit', async () => {
    const key = await newKey(h.database)
    const swallowed = h.database.transaction(async (connection) => {
      await h.database.barrier.insert(h.database.context(connection), key)
      await deadlock(h, connection)
    })
    await expect(swallowed).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('where the next statement begins another transaction, that one is not taken for it', async () => {
    const lost = await openForTest({ session: ['set autocommit = 0'] })
    const swallowed = lost.database.transaction(async (connection) => {
      await order(connection, 'before the deadlock')
      await deadlock(lost, connection)
      await order(connection, 'after the deadlock')
    })
    await expect(swallowed).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
    expect(await lost.skus()).not.toContain('after the deadlock')
  })

  test('no job can be tied to a transaction of the user’s own', async () => {
    const key = await newKey(h.database)
    await begun(h, async (connection) => {
      const context = h.database.context(connection)
      await deadlock(h, connection)
      await expect(context.assertUsable()).rejects.toMatchObject({
        code: expect.stringMatching(/^TRANSACTION_(LOST|UNUSABLE)$/) as string,
      })
      await expect(h.database.barrier.insert(context, key)).rejects.toMatchObject({
        code: 'TRANSACTION_LOST',
      })
      await connection.rollback()
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('between the look at it and the barrier, neither', async () => {
    const key = await newKey(h.database)
    await begun(h, async (connection) => {
      const context = h.database.context(connection)
      await context.assertUsable()
      await deadlock(h, connection)
      await expect(h.database.barrier.insert(context, key)).rejects.toMatchObject({
        code: 'TRANSACTION_LOST',
      })
      await connection.rollback()
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('a commit by hand rejects', async () => {
    const key = await newKey(h.database)
    await begun(h, async (connection) => {
      const context = h.database.context(connection)
      await context.assertUsable()
      await h.database.barrier.insert(context, key)
      await deadlock(h, connection)
      await expect(context.commit()).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })
})

describe('a job whose transaction lost a deadlock', () => {
  test.each(paths)('is dropped (%s)', async (path) => {
    const { h, store } = await openPath(path, (name) => open({ name }))
    const app = await startApp({ databases: [h.database], store: store.database })
    const swallowed = app.stepping.transaction(h.database, async (connection, job) => {
      await order(connection, 'lost')
      job.addStep(app.note, 'lost')
      await deadlock(h, connection)
    })
    await expect(swallowed).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
    await app.settled()
    expect(app.notes).not.toContain('lost')
    expect(await h.skus()).toEqual([])
    await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]))
  })

  test('what once did is undone, and done by the next attempt', async () => {
    const h = await openForTest()
    let attempts = 0
    const step = defineStep({
      name: 'Reserve',
      backoff: { firstMs: 10 },
      async run({ once }) {
        attempts++
        await once(h.database, async (connection) => {
          await order(connection, 'reserved')
          if (attempts === 1) await deadlock(h, connection)
          return attempts
        })
      },
    })
    const app = await startApp({ databases: [h.database], store: h.database, steps: [step] })
    await app.stepping.createJob().addStep(step).addStep(app.note, 'after').start()
    await app.noted('after')
    expect(attempts).toBe(2)
    expect(await h.skus()).toEqual(['reserved'])
  })
})

describe('a statement that commits by itself', () => {
  test('in a transaction is told: no barrier is written after it', async () => {
    const h = await openForTest()
    const key = await newKey(h.database)
    const ddl = h.database.transaction(async (connection) => {
      await order(connection, 'before the DDL')
      await connection.query('create table made (n int)')
      await h.database.barrier.insert(h.database.context(connection), key)
    })
    await expect(ddl).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
    expect(await h.barrier(key.gid)).toEqual([])
  })
})

describe('a gid that another transaction holds', () => {
  test('longer than the server waits for locks fails the transaction', async () => {
    const h = await openForTest({ session: ['set innodb_lock_wait_timeout = 1'] })
    const key = await newKey(h.database)
    await begun(h, async (holder) => {
      const context = h.database.context(holder)
      await context.assertUsable()
      await h.database.barrier.insert(context, key)
      const waiting = h.database.transaction(async (connection) => {
        await order(connection, 'waited too long')
        await h.database.barrier.insert(h.database.context(connection), key)
      })
      await expect(waiting).rejects.toMatchObject({ errno: 1205 })
    })
    expect(await h.skus()).toEqual([])
  })
})
