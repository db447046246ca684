import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { replacing } from '../test/replacing.ts'
import { Listener } from './listener.ts'
import { memoryJobStore } from './store/memory-job-store.ts'
import type { JobStore } from './store/job-store.ts'

type Listen = NonNullable<JobStore['listen']>

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function setUp(
  listen: Listen,
  listeningCosts = false,
): { listener: Listener; heard: ReturnType<typeof vi.fn> } {
  const heard = vi.fn<() => void>()
  const store = replacing(memoryJobStore(), { listen, listeningCosts })
  return { listener: new Listener(store, 'shop', heard), heard }
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

/** Is told of after each of the claims that are made meanwhile. */
async function backlogFor(listener: Listener, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    listener.backlog(true)
    await vi.advanceTimersByTimeAsync(50)
  }
  listener.backlog(true)
  await vi.advanceTimersByTimeAsync(0)
}

describe('with a backlog', () => {
  const stop = vi.fn<() => Promise<void>>()
  const listen = vi.fn<Listen>()

  beforeEach(() => {
    stop.mockReset().mockResolvedValue(undefined)
    listen.mockReset().mockResolvedValue(stop)
  })

  test('that lasts it does not listen, where that costs the store something', async () => {
    const { listener } = setUp(listen, true)
    await backlogFor(listener, 200)
    expect(stop).toHaveBeenCalledOnce()
    await backlogFor(listener, 60_000)
    expect(stop).toHaveBeenCalledOnce()
    expect(listen).toHaveBeenCalledOnce()
  })

  test('it goes on listening where that costs nothing', async () => {
    const { listener } = setUp(listen)
    await backlogFor(listener, 60_000)
    expect(stop).not.toHaveBeenCalled()
  })

  test('that is gone soon it goes on listening, however often there is one', async () => {
    const { listener } = setUp(listen, true)
    for (let time = 0; time < 10; time++) {
      await backlogFor(listener, 150)
      listener.backlog(false)
    }
    expect(stop).not.toHaveBeenCalled()
  })

  test('that it is told of now and then only, it goes on listening', async () => {
    const { listener } = setUp(listen, true)
    for (let time = 0; time < 10; time++) {
      listener.backlog(true)
      await vi.advanceTimersByTimeAsync(5_000)
    }
    expect(stop).not.toHaveBeenCalled()
  })

  test('that is gone it listens again, and has somebody look', async () => {
    const { listener, heard } = setUp(listen, true)
    await backlogFor(listener, 200)
    heard.mockClear()
    listener.backlog(false)
    await vi.advanceTimersByTimeAsync(0)
    expect(listen).toHaveBeenCalledTimes(2)
    expect(heard).toHaveBeenCalledOnce()
  })

  test('it ends the connection also where that was just being opened', async () => {
    const opened = Promise.withResolvers<() => Promise<void>>()
    const { listener } = setUp(
      listen.mockImplementationOnce(() => opened.promise),
      true,
    )
    await backlogFor(listener, 200)
    opened.resolve(stop)
    await vi.advanceTimersByTimeAsync(0)
    expect(stop).toHaveBeenCalledOnce()
  })

  test('a connection that was lost before is not opened again until it is gone', async () => {
    const { listener } = setUp(listen, true)
    await vi.advanceTimersByTimeAsync(0)
    listen.mock.calls[0]![2]()
    await backlogFor(listener, 60_000)
    expect(listen).toHaveBeenCalledOnce()
    listener.backlog(false)
    await vi.advanceTimersByTimeAsync(0)
    expect(listen).toHaveBeenCalledTimes(2)
  })

  test('a connection that fails to open until the backlog is gone is opened again once', async () => {
    const opened = Promise.withResolvers<() => Promise<void>>()
    const { listener } = setUp(
      listen.mockImplementationOnce(() => opened.promise),
      true,
    )
    await backlogFor(listener, 200)
    listener.backlog(false)
    opened.reject(new Error('lost before it listened'))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(listen).toHaveBeenCalledTimes(2)
    await listener.close()
    expect(stop).toHaveBeenCalledOnce()
  })

  test('it listens again also where the old connection does not end', async () => {
    stop.mockReturnValue(new Promise(() => {}))
    const { listener } = setUp(listen, true)
    await backlogFor(listener, 200)
    listener.backlog(false)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(listen).toHaveBeenCalledTimes(2)
  })

  test('that is gone after the close, it does not listen again', async () => {
    const { listener } = setUp(listen, true)
    await backlogFor(listener, 200)
    await listener.close()
    listener.backlog(false)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(listen).toHaveBeenCalledOnce()
  })
})
