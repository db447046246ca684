import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { parkJob, retryLater } from './step-ending.ts'
import type { StepContext } from './step.ts'
import { defineStep } from './step.ts'
import { createStepping } from './stepping.ts'
import { tenantDatabases } from './tenant-databases.ts'
import type { StandardSchema } from './standard-schema.ts'
import { thenable } from './testing/thenable.ts'
import { callOf, fakeApp, participantOf } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'
import { FakeTransactionManager } from './testing/fake-transaction-manager.ts'

/** Throws what it is told to. */
let thrown: unknown
const seen: StepContext[] = []
const run = (context: StepContext): void => {
  seen.push(context)
  if (thrown !== undefined) throw thrown
}
const plain = defineStep({ name: 'Plain', aliases: ['Old'], run })
const thrice = defineStep({ name: 'Thrice', maxAttempts: 3, backoff: { firstMs: 10 }, run })
const only = defineStep({ name: 'Only', maxAttempts: 1, run })
let end: () => void
const ends = defineStep({ name: 'Ends', maxAttempts: 3, run: () => end() })
const order = defineStep({
  name: 'Order',
  args: z.object({ sku: z.string(), count: z.number().default(1) }),
  run,
})

const orders = new FakeDatabase({ name: 'orders' })
const foreign = defineStep({
  name: 'Foreign',
  args: {
    '~standard': { version: 1, vendor: 'test', validate: (value) => thenable({ value }) },
  } satisfies StandardSchema,
  run,
})
const app = fakeApp({ steps: [plain, thrice, only, ends, order, foreign], databases: [orders] })
const participant = await participantOf(app)

/** What comes of one attempt in which the step throws `error`. */
async function failing(error: unknown, call = callOf(plain)) {
  thrown = error
  try {
    return await participant.runStep(call)
  } finally {
    thrown = undefined
  }
}

/** What comes of one attempt in which the step calls this, without a throw of its own. */
async function ending(body: () => void, call: { attempt?: number } = {}) {
  end = body
  return await participant.runStep(callOf(ends, call))
}

describe('an attempt', () => {
  it('that ends is done, and is no event', async () => {
    const before = app.events.length
    expect(await participant.runStep(callOf(plain))).toEqual({ done: true })
    expect(app.events).toHaveLength(before)
  })

  it('tells the step what it is part of', async () => {
    await participant.runStep(callOf(plain, { gid: 'g7', index: 2, attempt: 5 }))
    expect(seen.at(-1)).toMatchObject({
      gid: 'g7',
      index: 2,
      attempt: 5,
      idempotencyKey: 'g7/2',
      args: undefined,
    })
  })

  it('of a job stored under an old name runs the step that has it as alias', async () => {
    expect(await participant.runStep(callOf({ name: 'Old' }))).toEqual({ done: true })
  })

  it('gives the step its args as the schema returns them', async () => {
    await participant.runStep(callOf(order, { args: '{"sku":"A1"}' }))
    expect(seen.at(-1)?.args).toEqual({ sku: 'A1', count: 1 })
  })

  it('gives the step its args also from a schema whose promise is of another kind', async () => {
    await participant.runStep(callOf(foreign, { args: '"A1"' }))
    expect(seen.at(-1)?.args).toBe('A1')
  })

  it('gives the step the services of the app', async () => {
    const services = { mailer: {} }
    const mail = defineStep<void, void, typeof services>({ name: 'Mail', run })
    const tm = new FakeTransactionManager()
    await createStepping({ app: 'shop', tm, steps: [mail], services }).start()
    await tm.participant!.runStep(callOf(mail))
    expect(seen.at(-1)?.services).toBe(services)
  })
})

describe('an attempt that throws', () => {
  it('fails with that error and is tried again about a second later', async () => {
    const error = new Error('no route')
    const outcome = await failing(error)
    expect(outcome).toMatchObject({ done: false, error, interrupted: false, park: false })
    expect(outcome).toHaveProperty(
      'retryInMs',
      expect.toSatisfy((ms) => ms >= 800 && ms <= 1_200),
    )
  })

  it('is told as an event with the job, the step, the attempt and the next try', async () => {
    const error = new Error('no route')
    const outcome = await failing(error, callOf(plain, { gid: 'g7', index: 2, attempt: 5 }))
    expect(app.events.at(-1)).toEqual({
      type: 'step.failed',
      gid: 'g7',
      step: 'Plain',
      index: 2,
      attempt: 5,
      error,
      retryInMs: (outcome as { retryInMs: number }).retryInMs,
    })
  })

  it.each([
    ['a string', 'no route', '"no route"'],
    ['null', null, 'null'],
    ['an object', { status: 500 }, '{"status":500}'],
    ['an object that cannot be printed', Object.create(null), 'an object'],
  ])('something that is no Error fails all the same: %s', async (_name, error, printed) => {
    const outcome = await failing(error)
    expect(outcome).toMatchObject({ error: { code: 'STEP_THREW_NON_ERROR', cause: error } })
    expect(outcome).toMatchObject({ error: { message: expect.stringContaining(printed) } })
  })

  it('is tried for ever when no limit was set', async () => {
    expect(await failing(new Error('x'), callOf(plain, { attempt: 1e6 }))).toMatchObject({
      park: false,
    })
  })

  it('waits by the backoff of its step', async () => {
    const outcome = await failing(new Error('x'), callOf(thrice, { attempt: 2 }))
    expect(outcome).toHaveProperty(
      'retryInMs',
      expect.toSatisfy((ms) => ms >= 16 && ms <= 24),
    )
  })

  it('is parked at the last attempt that its step allows', async () => {
    const attempts = [1, 2, 3].map(async (attempt) => {
      thrown = new Error('x')
      return await participant.runStep(callOf(thrice, { attempt }))
    })
    const outcomes = await Promise.all(attempts)
    thrown = undefined
    expect(outcomes.map((each) => 'park' in each && each.park)).toEqual([false, false, true])
  })

  it('that was cut off when it was the last one is followed by none', async () => {
    const before = seen.length
    const outcome = await participant.runStep(callOf(thrice, { attempt: 4, afterCutOff: true }))
    expect(outcome).toMatchObject({ park: true, error: { code: 'LEASE_LOST' } })
    expect(seen).toHaveLength(before)
  })

  it.each([
    [2, '1 time'],
    [4, '3 times'],
  ])('that is not made as number %d tells of the one that was cut off', async (attempt, times) => {
    const step = attempt === 2 ? only : thrice
    await participant.runStep(callOf(step, { attempt, afterCutOff: true }))
    expect(app.events.at(-1)).toMatchObject({
      type: 'step.failed',
      attempt: attempt - 1,
      error: {
        message: expect.stringContaining(
          `was taken on ${times}, and the last time it was cut off`,
        ) as string,
      },
    })
  })

  it('that was cut off before the last one is followed by another', async () => {
    const call = callOf(thrice, { attempt: 3, afterCutOff: true })
    expect(await participant.runStep(call)).toEqual({ done: true })
  })

  it('for the last time says in its event that there is no next try', async () => {
    await failing(new Error('x'), callOf(thrice, { attempt: 3 }))
    expect(app.events.at(-1)).toMatchObject({ type: 'step.failed', retryInMs: null })
  })

  it('parkJob is parked at once, with its reason', async () => {
    const outcome = await ending(() => parkJob('account closed'))
    expect(outcome).toMatchObject({ park: true, error: { message: 'account closed' } })
  })

  it('retryLater is tried again when it wants, however often', async () => {
    const outcome = await ending(() => retryLater(45_000), { attempt: 100 })
    expect(outcome).toMatchObject({ park: false, retryInMs: 45_000 })
  })
})

it('tells when the transaction manager makes the next attempt, where that is for it to say', async () => {
  app.events.length = 0
  await failing(new Error('no luck'), callOf(thrice, { nextTryInMs: async () => 6_000 }))
  expect(app.events).toMatchObject([{ type: 'step.failed', retryInMs: 6_000 }])
})

describe('stored args that do not fit the schema', () => {
  const call = callOf(order, { args: '{"sku":7}' })

  it('fail the attempt by step and path, and the step does not run', async () => {
    const ran = seen.length
    const outcome = await participant.runStep(call)
    expect(outcome).toMatchObject({
      error: { code: 'ARGS_INVALID', message: expect.stringMatching(/step Order .*sku: /) },
    })
    expect(seen).toHaveLength(ran)
  })

  it('are left for a newer process until the sixth attempt', async () => {
    const outcomes = await Promise.all(
      [1, 5, 6].map(async (attempt) => await participant.runStep({ ...call, attempt })),
    )
    expect(outcomes.map((each) => 'park' in each && each.park)).toEqual([false, false, true])
  })

  it('are not meant by a step that throws the same code about another job', async () => {
    thrown = undefined
    const careless = defineStep({
      name: 'Careless',
      run: () => void other.stepping.createJob().addStep(order, { sku: 7 as never }),
    })
    const other = fakeApp({ steps: [careless, order] })
    const otherParticipant = await participantOf(other)
    expect(await otherParticipant.runStep(callOf(careless, { attempt: 100 }))).toMatchObject({
      park: false,
      error: { code: 'ARGS_INVALID' },
    })
  })

  it('may also be what is not JSON at all', async () => {
    const broken = callOf(order, { args: '{"sku":', attempt: 6 })
    expect(await participant.runStep(broken)).toMatchObject({
      park: true,
      error: { code: 'ARGS_INVALID' },
    })
  })

  it('may also be args that are missing', async () => {
    expect(await participant.runStep(callOf(order))).toMatchObject({
      error: { code: 'ARGS_INVALID' },
    })
  })
})

describe('an unknown step', () => {
  it('is no failed attempt, and is left for a process that knows it', async () => {
    const before = app.events.length
    const outcome = await participant.runStep(callOf({ name: 'Plan' }))
    expect(outcome).toMatchObject({
      done: false,
      error: { code: 'STEP_UNKNOWN' },
      interrupted: true,
      park: false,
    })
    expect(app.events).toHaveLength(before)
  })
})

describe('query prepared', () => {
  const identity = 'identity of orders'

  it('says of a job without a database that it is committed', async () => {
    expect(await participant.queryPrepared({ gid: 'g1' })).toBe('committed')
  })

  it('asks the barrier of the job’s database', async () => {
    orders.barrierRows.set('g1', 'msg')
    const database = { name: 'orders', identity }
    expect(await participant.queryPrepared({ gid: 'g1', database })).toBe('committed')
    expect(await participant.queryPrepared({ gid: 'g2', database })).toBe('rolledBack')
  })

  it('does not know while the transaction is open', async () => {
    const tx = orders.begin()
    const key = { gid: 'g3', identity, notAfter: Infinity }
    await orders.barrier.insert(orders.context(tx), key)
    await expect(
      participant.queryPrepared({ gid: 'g3', database: { name: 'orders', identity } }),
    ).rejects.toMatchObject({ code: 'BARRIER_UNDECIDED' })
  })

  it('refuses a database that the app did not register', async () => {
    const database = { name: 'payroll', identity }
    await expect(participant.queryPrepared({ gid: 'g1', database })).rejects.toMatchObject({
      code: 'DATABASE_NOT_REGISTERED',
    })
  })

  it('asks the database of the job’s tenant, resolved when it is needed', async () => {
    const acme = new FakeDatabase({ name: 'shop', tenant: 'acme' })
    acme.barrierRows.set('g5', 'msg')
    const resolve = vi.fn<(tenant: string) => FakeDatabase | undefined>()
    resolve.mockReturnValueOnce(undefined).mockReturnValue(acme)
    const shops = tenantDatabases({ name: 'shop', resolve })
    const shop = await participantOf(fakeApp({ databases: [shops] }))
    const query = { gid: 'g5', database: { ...acme.ref, identity: await acme.identity() } }
    await expect(shop.queryPrepared(query)).rejects.toMatchObject({ code: 'TENANT_UNRESOLVED' })
    expect(await shop.queryPrepared(query)).toBe('committed')
    expect(resolve.mock.calls).toEqual([['acme'], ['acme']])
  })

  it('refuses to ask another database of the same name', async () => {
    const database = { name: 'orders', identity: 'of last year' }
    await expect(participant.queryPrepared({ gid: 'g4', database })).rejects.toMatchObject({
      code: 'DATABASE_CHANGED',
    })
    expect(orders.barrierRows.has('g4')).toBe(false)
  })
})
