import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { replacing } from '../test/replacing.ts'
import { Listener } from './listener.ts'
import { memoryJobStore } from './store/memory-job-store.ts'
import type { JobStore } from './store/job-store.ts'

type Listen = NonNullable<JobStore['listen']>

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function setUp(listen: Listen): { listener: Listener; heard: ReturnType<typeof vi.fn> } {
  const heard = vi.fn<() => void>()
  return { listener: new Listener(replacing(memoryJobStore(), { listen }), 'shop', heard), heard }
}

test('passes on what it hears', async () => {
  const listen = vi.fn<Listen>(async () => async () => {})
  const { heard } = setUp(listen)
  await vi.advanceTimersByTimeAsync(0)
  heard.mockClear()
  const [app, onNotify] = listen.mock.calls[0]!
  onNotify()
  expect(app).toBe('shop')
  expect(heard).toHaveBeenCalledOnce()
})

test('once it listens it has somebody look for what it could not hear before', async () => {
  const opened = Promise.withResolvers<() => Promise<void>>()
  const { heard } = setUp(async () => await opened.promise)
  await vi.advanceTimersByTimeAsync(0)
  expect(heard).not.toHaveBeenCalled()
  opened.resolve(async () => {})
  await vi.advanceTimersByTimeAsync(0)
  expect(heard).toHaveBeenCalledOnce()
})

test('listens again after the connection was lost', async () => {
  const listen = vi.fn<Listen>(async () => async () => {})
  setUp(listen)
  await vi.advanceTimersByTimeAsync(0)
  listen.mock.calls[0]![2]()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(listen).toHaveBeenCalledTimes(2)
})

test('tries again until it can listen', async () => {
  const refused = new Error('refused')
  const listen = vi
    .fn<Listen>(async () => async () => {})
    .mockRejectedValueOnce(refused)
    .mockRejectedValueOnce(refused)
  setUp(listen)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(listen).toHaveBeenCalledTimes(3)
})

test('a connection that is lost while it opens is opened again once', async () => {
  const listen = vi
    .fn<Listen>(async () => async () => {})
    .mockImplementationOnce(async (_app, _onNotify, onLost) => {
      onLost()
      throw new Error('lost before it listened')
    })
  setUp(listen)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(listen).toHaveBeenCalledTimes(2)
})

test('close ends the connection, also one that is just being opened', async () => {
  const opened = Promise.withResolvers<() => Promise<void>>()
  const stop = vi.fn<() => Promise<void>>(async () => {})
  const { listener } = setUp(async () => await opened.promise)
  const closed = listener.close()
  opened.resolve(stop)
  await closed
  expect(stop).toHaveBeenCalledOnce()
})

test('close does not wait for a connection that neither opens nor ends', async () => {
  const { listener } = setUp(() => new Promise(() => {}))
  const closed = vi.fn<() => void>()
  void listener.close().then(closed)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(closed).toHaveBeenCalledOnce()
})

test('closed after a loss, it does not listen again', async () => {
  const listen = vi.fn<Listen>(async () => async () => {})
  const { listener } = setUp(listen)
  await vi.advanceTimersByTimeAsync(0)
  listen.mock.calls[0]![2]()
  await listener.close()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(listen).toHaveBeenCalledOnce()
})

test('close bears a connection that is gone', async () => {
  const { listener } = setUp(async () => async () => {
    throw new Error('gone')
  })
  await listener.close()
})
