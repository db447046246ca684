import { defineStep } from '@stepping/core'
import type { Job } from '@stepping/core'
import { createNamespace, destroyNamespace } from 'cls-hooked'
import { Sequelize } from 'sequelize'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApp } from '../../adapter-pg/test/app.ts'
import { newKey, openForTest, products } from './harness.ts'

const namespace = createNamespace('transactions')
beforeAll(() => {
  Sequelize.useCLS(namespace)
})
// Sequelize has no way back, and the files that follow in this process ask it without a transaction.
afterAll(() => {
  Reflect.deleteProperty(Sequelize, '_cls')
  destroyNamespace('transactions')
})

describe.each(products)('with CLS, on $name,', (product) => {
  test("the user's statements find the transaction by themselves", async () => {
    const h = await openForTest(product)
    const app = await startApp({ databases: [h.database], store: h.database })
    const failed = app.stepping.transaction(h.database, async (_transaction, job) => {
      await h.orders.create({ sku: 'undone' })
      job.addStep(app.note, 'undone')
      throw new Error('stop')
    })
    await expect(failed).rejects.toThrow('stop')
    expect(await h.skus()).toEqual([])
    await app.stepping.transaction(h.database, async (_transaction, job) => {
      await h.orders.create({ sku: 'done' })
      job.addStep(app.note, 'done')
    })
    await app.noted('done')
    expect(await h.skus()).toEqual(['done'])
  })

  test("this library's own statements do not join the transaction around them", async () => {
    const h = await openForTest(product)
    const app = await startApp({ databases: [h.database], store: h.database })
    const key = await newKey(h.database)
    const failed = h.db.transaction(async () => {
      expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
      await app.stepping.createJob().addStep(app.note, 'alone').start()
      throw new Error('stop')
    })
    await expect(failed).rejects.toThrow('stop')
    await app.noted('alone')
    expect(await h.barrier(key.gid)).toEqual(['rollback'])
  })

  test('a step does not run in the transaction around the call that began it', async () => {
    const h = await openForTest(product)
    const found: unknown[] = []
    const look = defineStep({
      name: 'Look',
      run: () => void found.push(namespace.get('transaction') ?? 'none'),
    })
    const app = await startApp({ databases: [h.database], store: h.database, steps: [look] })
    const job = (): Job => app.stepping.createJob({ independent: true })
    await h.db.transaction(async () => {
      await job().addStep(look).addStep(app.note, 'alone').start()
      await app.noted('alone')
    })
    await h.db.transaction(async () => {
      await app.stepping.transaction(
        h.database,
        async (_transaction, inner) => void inner.addStep(look).addStep(app.note, 'in another'),
        { independent: true },
      )
      await app.noted('in another')
    })
    expect(found).toEqual(['none', 'none'])
  })
})
