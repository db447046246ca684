import { setTimeout as delay } from 'node:timers/promises'
import type { BarrierKey } from '@stepping/core'
import * as newest from 'mongodb'
import type { ClientSession } from 'mongodb'
import * as lowest from 'mongodb-lowest'
import { describe, expect, test, vi } from 'vitest'
import { paths, startApp, storeOf } from './app.ts'
import { newKey, open, order } from './harness.ts'
import type { Harness } from './harness.ts'

const rounds = 50

const drivers = [
  ['newest', newest],
  ['lowest', lowest],
] as const

/** Keeps the only connection busy, so that whatever is sent now waits for it, in its order. */
async function holdConnection(h: Harness, ms: number): Promise<void> {
  const slowly = { $where: `sleep(${ms}) || true` }
  await h.db.collection('orders').findOne(slowly)
}

/** An insert that has found its transaction open, and that the driver has not sent yet. */
async function late(h: Harness, session: ClientSession, key: BarrierKey): Promise<unknown> {
  const inserted = h.database.barrier.insert(h.database.context(session), key)
  return await inserted.then(
    () => 'inserted',
    (error: { code?: unknown }) => error.code,
  )
}

/**
 * Between the call and the sending the driver waits for a connection. What is sent after the end of
 * the transaction would commit by itself.
 */
describe.each(drivers)('an insert that nobody awaited, with the %s driver,', (_, driver) => {
  async function openNarrow(): Promise<Harness> {
    const h = await open({ maxPoolSize: 1, Client: driver.MongoClient })
    await h.db.collection('orders').insertOne({ sku: 'one to look at' })
    return h
  }

  test('is not sent when its transaction was aborted meanwhile', async () => {
    const h = await openNarrow()
    for (let round = 0; round < rounds; round++) {
      const key = await newKey(h.database)
      const session = h.client.startSession()
      session.startTransaction()
      const held = holdConnection(h, 1)
      const outcome = late(h, session, key)
      // Nothing was sent in it yet, so the driver aborts it without asking anybody.
      await session.abortTransaction()
      await held
      expect(await outcome).toBe('TRANSACTION_LOST')
      await session.endSession()
    }
    expect(await h.probe.collection('stepping_barrier').countDocuments()).toBe(0)
  })

  test('does not get into the next transaction of its session', async () => {
    const h = await openNarrow()
    for (let round = 0; round < rounds; round++) {
      const key = await newKey(h.database)
      const session = h.client.startSession()
      session.startTransaction()
      const held = holdConnection(h, 1)
      const outcome = late(h, session, key)
      await session.abortTransaction()
      session.startTransaction()
      await held
      await order(h, session, `next ${round}`)
      await session.commitTransaction()
      expect(await outcome).toBe('TRANSACTION_LOST')
      await session.endSession()
    }
    expect(await h.probe.collection('stepping_barrier').countDocuments()).toBe(0)
    expect(await h.skus()).toContain(`next ${rounds - 1}`)
  })

  test('does not get into the transaction in which withTransaction runs its callback again', async () => {
    const h = await openNarrow()
    for (let round = 0; round < rounds; round++) {
      const key = await newKey(h.database)
      let outcome: Promise<unknown> | undefined
      await h.client.withSession((session) =>
        session.withTransaction(async () => {
          if (outcome) return await order(h, session, `again ${round}`)
          void holdConnection(h, 1)
          outcome = late(h, session, key)
          throw transient(driver)
        }),
      )
      expect(await outcome).toBe('TRANSACTION_LOST')
    }
    expect(await h.probe.collection('stepping_barrier').countDocuments()).toBe(0)
    expect(await h.skus()).toContain(`again ${rounds - 1}`)
  })

  test('is refused by the server should a driver look for the transaction too early', async () => {
    const h = await open({ Client: driver.MongoClient })
    const key = await newKey(h.database)
    const session = h.client.startSession()
    session.startTransaction()
    const context = h.database.context(session)
    // As if the driver had copied the command, with what it says of the transaction, beforehand.
    const command = h.db.command.bind(h.db)
    h.db.command = async (given, options) => {
      const copy = { ...given }
      await session.abortTransaction()
      return await command(copy, options)
    }
    await expect(h.database.barrier.insert(context, key)).rejects.toMatchObject({ code: 72 })
    expect(await h.barrier(key.gid)).toEqual([])
  })
})

/** The delays move the rejection over all that a prepare sends; which of it it meets is the machine's affair. */
describe.each(paths)('a job whose prepare nobody awaited, %s,', (path) => {
  test('runs exactly if the transaction committed', { timeout: 120_000 }, async () => {
    const h = await open()
    const store = await storeOf(path, h)
    const app = await startApp({ databases: [h.database], store: store.database })
    let refused = 0
    for (let round = 0; round < rounds; round++) {
      const sku = `order ${round}`
      let sent: Promise<unknown> | undefined
      const rolledBack = h.client.withSession((session) =>
        session.withTransaction(async () => {
          if (round % 2 > 0) await order(h, session, sku)
          const job = app.stepping.createJob(h.database.context(session)).addStep(app.note, sku)
          sent = job.prepareAndInsertBarrier().catch(() => refused++)
          const outOfStock = delay((round % 15) / 5).then(() =>
            Promise.reject(new Error('none left')),
          )
          await Promise.all([sent, outOfStock])
        }),
      )
      await expect(rolledBack).rejects.toThrow('none left')
      await sent
    }
    expect(refused).toBeGreaterThan(0)
    await endLeftOpen(h)
    await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), { timeout: 20_000 })
    await app.settled()
    expect(app.notes.filter((text) => text.startsWith('order'))).toEqual([])
    expect(await h.skus()).toEqual([])
  })

  test('has its fate also when start() races the abort', { timeout: 120_000 }, async () => {
    const h = await open()
    const store = await storeOf(path, h)
    const app = await startApp({ databases: [h.database], store: store.database })
    const sure = { committed: [] as string[], rolledBack: [] as string[] }
    for (let round = 0; round < rounds; round++) {
      const sku = `order ${round}`
      const session = h.client.startSession()
      session.startTransaction()
      await order(h, session, sku)
      const job = app.stepping.createJob(h.database.context(session)).addStep(app.note, sku)
      const started = job.start().then(
        () => sure.committed.push(sku),
        (error: { code?: unknown }) => {
          if (error.code === 'TRANSACTION_ROLLED_BACK') sure.rolledBack.push(sku)
        },
      )
      await delay((round % 15) / 3)
      await session.abortTransaction().catch(() => {})
      await session.endSession()
      await started
    }
    await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), { timeout: 20_000 })
    await app.settled()
    const committed = await h.skus()
    const ran = app.notes.filter((text) => text.startsWith('order'))
    expect(new Set(ran)).toEqual(new Set(committed))
    expect(committed).toEqual(expect.arrayContaining(sure.committed))
    expect(sure.rolledBack.filter((sku) => committed.includes(sku))).toEqual([])
  })
})

/**
 * The driver aborts a transaction without a word to the server while the first statement of it is
 * under way. The next transaction of the server's session, which the driver uses again, ends it.
 */
async function endLeftOpen(h: Harness): Promise<void> {
  await h.client.withSession((session) =>
    session.withTransaction(() => h.db.collection('orders').findOne({}, { session })),
  )
}

function transient({ MongoError }: Pick<typeof newest, 'MongoError'>): Error {
  const error = new MongoError('as after an election')
  error.addErrorLabel('TransientTransactionError')
  return error
}
