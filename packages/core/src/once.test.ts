import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { OnceResult, StepContext } from './step.ts'
import { defineStep } from './step.ts'
import { safeAge } from './safe-age.ts'
import type { Participant, StepCall } from './transaction-manager.ts'
import { callOf, fakeApp, participantOf, sendMail } from './testing/fake-app.ts'
import type { FakeApp } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'

let work: (once: StepContext['once']) => Promise<void>
const pay = defineStep({ name: 'Pay', run: async ({ once }) => await work(once) })

let orders: FakeDatabase
let ledger: FakeDatabase
let app: FakeApp
let participant: Participant

beforeEach(async () => {
  orders = new FakeDatabase({ name: 'orders' })
  ledger = new FakeDatabase({ name: 'ledger' })
  app = fakeApp({ steps: [pay], databases: [orders, ledger] })
  participant = await participantOf(app)
})

afterEach(() => {
  vi.useRealTimers()
})

/** One attempt of the step, with `body` as what it does. */
async function attempt(
  body: (once: StepContext['once']) => Promise<void>,
  call: Partial<StepCall> = {},
) {
  work = body
  return await participant.runStep(callOf(pay, call))
}

/** One attempt that uses once for one payment; resolves with what once said. */
async function payOnce(value: unknown, call: Partial<StepCall> = {}, key?: string) {
  const results: OnceResult<unknown>[] = []
  await attempt(async (once) => {
    const result = await once(
      orders,
      async (tx) => {
        tx.insert('payment')
        return value
      },
      key === undefined ? {} : { key },
    )
    results.push(result)
  }, call)
  return results[0]
}

/** One attempt that adds a step to the job inside once, and then may fail there. */
async function mailOnce(fail: boolean, call: Partial<StepCall> = {}): Promise<void> {
  await attempt(async (once) => {
    await once(orders, async (_tx, job) => {
      job.addStep(sendMail)
      if (fail) throw new Error('no funds')
    })
  }, call)
}

/** One attempt that returns, or throws, while its once is at work; with when each of them ended. */
async function leaveOpen(ending: { once?: Error; run?: Error } = {}) {
  const ended: string[] = []
  const finish = Promise.withResolvers<void>()
  const running = attempt(async (once) => {
    const entered = Promise.withResolvers<void>()
    void once(orders, async (tx) => {
      entered.resolve()
      await finish.promise
      tx.insert('payment')
      ended.push('once')
      if (ending.once) throw ending.once
    })
    await entered.promise
    if (ending.run) throw ending.run
  })
  const outcome = running.then((value) => {
    ended.push('attempt')
    return value
  })
  await new Promise((resolve) => setImmediate(resolve))
  finish.resolve()
  return { outcome: await outcome, ended }
}

describe('what a step does once', () => {
  it('is done by its first attempt', async () => {
    expect(await payOnce({ id: 7 })).toEqual({ ran: true, value: { id: 7 } })
    expect(orders.rows).toEqual(['payment'])
  })

  it('is not done by a later one, which gets the stored value', async () => {
    await payOnce({ id: 7 })
    expect(await payOnce({ id: 8 }, { attempt: 2 })).toEqual({ ran: false, value: { id: 7 } })
    expect(orders.rows).toEqual(['payment'])
  })

  it('is done for a caller though the app has done it under the same gid', async () => {
    const gid = 'order-1'
    await payOnce({ id: 7 }, { gid })
    for (const caller of ['billing', 'shipping']) {
      expect(await payOnce(caller, { gid, caller })).toEqual({ ran: true, value: caller })
      expect(await payOnce('again', { gid, caller })).toEqual({ ran: false, value: caller })
    }
    expect(await payOnce('own', { gid })).toEqual({ ran: false, value: { id: 7 } })
  })

  it.each([[null], [0], [''], [false], [[1, 'two']]])('gives %j back as it was', async (value) => {
    await payOnce(value)
    expect(await payOnce('another', { attempt: 2 })).toEqual({ ran: false, value })
  })

  it('gives undefined back when it returned nothing', async () => {
    await payOnce(undefined)
    expect(await payOnce('another', { attempt: 2 })).toEqual({ ran: false, value: undefined })
  })

  it('is done again when its transaction was rolled back', async () => {
    await attempt(async (once) => {
      await once(orders, async (tx) => {
        tx.insert('payment')
        throw new Error('no funds')
      })
    })
    expect(orders.rows).toEqual([])
    expect(await payOnce(1, { attempt: 2 })).toMatchObject({ ran: true })
    expect(orders.rows).toEqual(['payment'])
  })

  it('has its error passed on unchanged', async () => {
    const mine = new Error('no funds')
    const outcome = await attempt(async (once) => {
      await once(orders, async () => {
        throw mine
      })
    })
    expect(outcome).toMatchObject({ done: false, error: mine })
  })

  it('is done once by two attempts side by side: one waits and finds it done', async () => {
    const entered = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const results: OnceResult<string>[] = []
    const zombie = attempt(async (once) => {
      const result = await once(orders, async (tx) => {
        tx.insert('payment')
        entered.resolve()
        await goOn.promise
        return 'of the zombie'
      })
      results.push(result)
    })
    await entered.promise
    const successor = payOnce('of the successor', { attempt: 2 })
    goOn.resolve()
    await zombie
    expect(await successor).toEqual({ ran: false, value: 'of the zombie' })
    expect(results).toEqual([{ ran: true, value: 'of the zombie' }])
    expect(orders.rows).toEqual(['payment'])
  })

  it('is done again by another step of the same job, and by another job', async () => {
    await payOnce(1, { gid: 'g1', index: 0 })
    expect(await payOnce(2, { gid: 'g1', index: 1 })).toMatchObject({ ran: true })
    expect(await payOnce(3, { gid: 'g2', index: 0 })).toMatchObject({ ran: true })
    expect(orders.rows).toHaveLength(3)
  })

  it('rolls back when its value would not come back the same', async () => {
    const outcome = await attempt(async (once) => {
      await once(orders, async (tx) => {
        tx.insert('payment')
        return { at: new Date(0) }
      })
    })
    expect(outcome).toMatchObject({ error: { code: 'ARGS_NOT_JSON' } })
    expect(orders.rows).toEqual([])
    expect(orders.onceRows.size).toBe(0)
  })

  it('is refused once the window of its attempt is over', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const outcome = await attempt(async (once) => {
      vi.setSystemTime(Date.now() + safeAge.attemptWindowMs)
      await once(orders, async (tx) => tx.insert('payment'))
    })
    expect(outcome).toMatchObject({ error: { code: 'ONCE_EXPIRED' } })
    expect(orders.rows).toEqual([])
  })

  it('is refused on a database that the app did not register', async () => {
    const outcome = await attempt(async (once) => {
      await once(new FakeDatabase({ name: 'other' }), async () => {})
    })
    expect(outcome).toMatchObject({ error: { code: 'DATABASE_NOT_REGISTERED' } })
  })
})

describe('two uses of once in one step', () => {
  it('of one database need keys of their own', async () => {
    const outcome = await attempt(async (once) => {
      await once(orders, async (tx) => tx.insert('first'))
      await once(orders, async (tx) => tx.insert('second'))
    })
    expect(outcome).toMatchObject({ error: { code: 'ONCE_KEY_REUSED', gid: 'job-1' } })
    expect(orders.rows).toEqual(['first'])
  })

  it('may have the same key when the first one failed', async () => {
    const outcome = await attempt(async (once) => {
      const failing = once(orders, async () => await Promise.reject(new Error('no luck')))
      await failing.catch(() => {})
      await once(orders, async (tx) => tx.insert('second try'))
    })
    expect(outcome).toEqual({ done: true })
    expect(orders.rows).toEqual(['second try'])
  })

  it('with keys are each done once', async () => {
    expect(await payOnce('a', {}, 'reserve')).toMatchObject({ ran: true })
    expect(await payOnce('b', {}, 'charge')).toMatchObject({ ran: true })
    expect(await payOnce('c', { attempt: 2 }, 'charge')).toEqual({ ran: false, value: 'b' })
  })

  it('of two databases need no keys', async () => {
    const outcome = await attempt(async (once) => {
      await once(orders, async (tx) => tx.insert('order'))
      await once(ledger, async (tx) => tx.insert('entry'))
    })
    expect(outcome).toEqual({ done: true })
    expect([orders.rows, ledger.rows]).toEqual([['order'], ['entry']])
  })

  it('may not lie inside each other on one database', async () => {
    const outcome = await attempt(async (once) => {
      await once(orders, async () => {
        await once(orders, async () => {}, { key: 'inner' })
      })
    })
    expect(outcome).toMatchObject({
      error: {
        code: 'TRANSACTION_NESTED',
        message: expect.stringMatching(/^once was called inside an open transaction.*orders/),
      },
    })
  })
})

describe('a once that is not awaited', () => {
  it('fails the attempt, with what to write', async () => {
    const { outcome } = await leaveOpen()
    expect(outcome).toMatchObject({
      done: false,
      park: false,
      error: {
        code: 'ONCE_NOT_AWAITED',
        gid: 'job-1',
        message: expect.stringMatching(/^Step Pay of job job-1 .*`await once\(\.\.\.\)`/) as string,
      },
    })
  })

  it('is over before the attempt is: the next one does not run beside it', async () => {
    expect((await leaveOpen()).ended).toEqual(['once', 'attempt'])
    expect(orders.rows).toEqual(['payment'])
  })

  it('has its error kept as the cause, and not thrown at the process', async () => {
    const mine = new Error('no funds')
    const { outcome } = await leaveOpen({ once: mine })
    expect(outcome).toMatchObject({ error: { code: 'ONCE_NOT_AWAITED', cause: mine } })
  })

  it('is waited for also when the step throws, whose error it stays', async () => {
    const mine = new Error('the other one failed')
    const { outcome, ended } = await leaveOpen({ run: mine })
    expect(outcome).toMatchObject({ done: false, error: mine })
    expect(ended).toEqual(['once', 'attempt'])
  })

  it('is waited for also when another one follows on it', async () => {
    const outcome = await attempt(async (once) => {
      void once(orders, async (tx) => tx.insert('first')).then(() =>
        once(ledger, async (tx) => tx.insert('second')),
      )
    })
    expect(outcome).toMatchObject({ error: { code: 'ONCE_NOT_AWAITED' } })
    expect([orders.rows, ledger.rows]).toEqual([['first'], ['second']])
  })

  it('is refused when it begins after the run is over', async () => {
    let late: StepContext['once'] | undefined
    await attempt(async (once) => {
      late = once
    })
    await expect(late!(orders, async (tx) => tx.insert('payment'))).rejects.toMatchObject({
      code: 'ONCE_NOT_AWAITED',
    })
    expect(orders.rows).toEqual([])
  })
})

describe('a job given steps inside once', () => {
  it('is tied to the same transaction', async () => {
    await mailOnce(false)
    const [job] = app.tm.jobsBy('submit')
    expect(job).toMatchObject({ steps: [{ name: 'SendMail' }], database: { name: 'orders' } })
    expect(orders.barrierRows.get(job!.gid)).toBe('msg')
  })

  it('is never started when that transaction rolls back', async () => {
    await mailOnce(true)
    expect(app.tm.sent).toEqual([])
  })

  it('is started once, however often the step is repeated', async () => {
    await mailOnce(false)
    await mailOnce(false, { attempt: 2 })
    expect(app.tm.jobsBy('submit')).toHaveLength(1)
  })
})
