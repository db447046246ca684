import { AsyncLocalStorage } from 'node:async_hooks'
import { defineStep, parkJob, retryLater } from '@stepping/core'
import type { StepOptions } from '@stepping/core'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { startApp } from './app.ts'
import type { App, AppOptions } from './app.ts'
import { witness } from './witness.ts'
import type { Witness } from './witness.ts'

let server: TakenDtm

beforeAll(async () => {
  server = await takeDtm()
}, 600_000)

afterAll(async () => {
  await server.stop()
})

type Run = StepOptions<void, void, unknown>['run']

interface Opened extends App {
  readonly seen: Witness
  /** The numbers of the attempts that began. */
  readonly began: number[]
  /** Starts a job of this one step, and one that notes `after`. */
  start(): Promise<string>
}

async function open(
  run: Run,
  options: AppOptions['options'] = {},
  more: Partial<StepOptions<void, void, unknown>> = {},
): Promise<Opened> {
  const seen = witness()
  const began: number[] = []
  const tried = defineStep({
    name: 'Tried',
    ...more,
    run: (context) => {
      began.push(context.attempt)
      return run(context)
    },
  })
  const app = await startApp({ server: server.url, steps: [tried], options, before: seen.before })
  return {
    ...app,
    seen,
    began,
    start: async () => {
      const job = app.stepping.createJob().addStep(tried).addStep(app.note, 'after')
      return (await job.start()).gid
    },
  }
}

async function answered(seen: Witness, statuses: number[]): Promise<void> {
  await vi.waitFor(() => expect(seen.answers('POST').slice(0, statuses.length)).toEqual(statuses), {
    timeout: 25_000,
  })
}

test('a step that takes longer than DTM waits goes on, and is not begun again', async () => {
  const ended = Promise.withResolvers<void>()
  onTestFinished(() => ended.resolve())
  const app = await open(() => ended.promise)
  const gid = await app.start()
  await answered(app.seen, [425, 425])
  expect(await app.stepping.jobs.find(gid)).toMatchObject({ state: 'submitted', running: true })
  ended.resolve()
  await app.finished(gid)
  expect(app.began).toEqual([1])
  expect(app.seen.answers('POST')).toEqual([425, 425, 200, 200])
}, 30_000)

test('a call that finds its step running is answered at once', async () => {
  const ended = Promise.withResolvers<void>()
  onTestFinished(() => ended.resolve())
  const app = await open(() => ended.promise)
  const gid = await app.start()
  await answered(app.seen, [425, 425])
  const [first, second] = app.seen.calls
  expect(first!.tookMs).toBeGreaterThan(1_900)
  expect(second!.tookMs).toBeLessThan(1_000)
  ended.resolve()
  await app.finished(gid)
}, 30_000)

test('a step that fails is called again, and the next one comes after it', async () => {
  const app = await open(({ attempt }) => {
    if (attempt === 1) throw new Error('the mail server is away')
  })
  const gid = await app.start()
  await app.finished(gid)
  expect(app.began).toEqual([1, 2])
  expect(app.seen.answers('POST')).toEqual([500, 200, 200])
  expect(app.events).toMatchObject([{ type: 'step.failed', attempt: 1 }, { type: 'job.finished' }])
}, 30_000)

test('how a step failed that took too long for its call is told to the next one', async () => {
  const failed = Promise.withResolvers<void>()
  const app = await open(({ attempt }) => (attempt === 1 ? failed.promise : undefined))
  const gid = await app.start()
  await answered(app.seen, [425])
  failed.reject(new Error('the mail server is away'))
  await app.finished(gid)
  expect(app.began).toEqual([1, 2])
  expect(app.seen.answers('POST')).toEqual([425, 500, 200, 200])
}, 40_000)

test('a step that wants to wait is not begun before', async () => {
  const times: number[] = []
  const app = await open(({ attempt }) => {
    times.push(performance.now())
    if (attempt === 1) retryLater(7_000)
  })
  const gid = await app.start()
  await app.finished(gid)
  expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(7_000)
  expect(app.seen.answers('POST').slice(0, 2)).toEqual([425, 425])
}, 40_000)

test("DTM's wait stops to double where the app says so", async () => {
  const app = await open(
    () => {
      throw new Error('the mail server is away')
    },
    { longestRetryMs: 6_000 },
  )
  const gid = await app.start()
  // After three seconds, and from then on every six: what is 425 to DTM leaves its wait as it is.
  await answered(app.seen, [500, 425, 425])
  expect(app.began).toEqual([1, 2, 3])
  await app.stepping.jobs.cancel(gid)
}, 60_000)

test('a step that parks its job rests, is tried again, and says so', async () => {
  const app = await open(
    ({ attempt }) => {
      if (attempt === 1) parkJob('the customer is unknown')
    },
    { parkedRetryMs: 5_000 },
  )
  const gid = await app.start()
  await answered(app.seen, [500])
  expect(app.events).toMatchObject([
    { type: 'step.failed', retryInMs: null },
    { type: 'job.parked', gid, step: 'Tried' },
  ])
  expect(await app.stepping.jobs.find(gid)).toMatchObject({
    state: 'parked',
    lastError: 'the customer is unknown',
    attempts: 1,
  })
  await app.finished(gid, 25_000)
  expect(app.began).toEqual([1, 2])
}, 40_000)

test('more steps than may run at once wait for DTM to call them again', async () => {
  const ended = Promise.withResolvers<void>()
  onTestFinished(() => ended.resolve())
  const app = await open(() => ended.promise, { concurrency: 1, answerWithinMs: 100 })
  const gids = [await app.start(), await app.start()]
  await answered(app.seen, [425, 425])
  expect(app.began).toEqual([1])
  ended.resolve()
  for (const gid of gids) await app.finished(gid)
  expect(app.began).toEqual([1, 1])
}, 40_000)

test('a step does not see the request that brought it', async () => {
  const storage = new AsyncLocalStorage<string>()
  const found: unknown[] = []
  const seen = defineStep({ name: 'Seen', run: () => void found.push(storage.getStore()) })
  const app = await startApp({
    server: server.url,
    steps: [seen],
    before: (next) => (request, response) =>
      storage.run('a request', () => next(request, response)),
  })
  const { gid } = await app.stepping.createJob().addStep(seen).start()
  await app.finished(gid)
  expect(found).toEqual([undefined])
})

test('closing lets a step end, and leaves the rest to others', async () => {
  const ended = Promise.withResolvers<void>()
  const app = await open(() => ended.promise, { answerWithinMs: 100 })
  await app.start()
  await answered(app.seen, [425])
  const closed = app.stepping.close()
  expect(await Promise.race([closed.then(() => 'closed'), Promise.resolve('open')])).toBe('open')
  ended.resolve()
  await closed
  expect(app.notes).toEqual([])
})

test('closing tells a step to stop that takes too long', async () => {
  const aborted = Promise.withResolvers<unknown>()
  const app = await open(
    async ({ signal }) => {
      await new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted.resolve((signal.reason as { code: string }).code)
          reject(signal.reason as Error)
        })
      })
    },
    { answerWithinMs: 100, drainMs: 50 },
  )
  await app.start()
  await answered(app.seen, [425])
  await app.stepping.close()
  expect(await aborted.promise).toBe('STEP_INTERRUPTED')
  expect(app.events.filter(({ type }) => type === 'step.failed')).toEqual([])
})
