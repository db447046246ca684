import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { monotonicMs } from './clock.ts'
import { Settler } from './settler.ts'
import type { Holder, SettlerParts } from './settler.ts'
import type { JobStore, Settlement, SettleResult } from './store/job-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const saveAll: JobStore['settle'] = async (settlements) =>
  new Map(settlements.map(({ gid }) => [gid, 'saved']))

function setUp(isRefusal?: (error: unknown) => boolean) {
  const settle = vi.fn<JobStore['settle']>(saveAll)
  const onFailure = vi.fn<SettlerParts['onFailure']>()
  const onSuccess = vi.fn<SettlerParts['onSuccess']>()
  const store = { settle, ...(isRefusal && { isRefusal }) }
  return {
    settler: new Settler({ store, answerMs: 10_000, onFailure, onSuccess }),
    settle,
    onFailure,
    onSuccess,
  }
}

function ending(gid: string, token = 1): Settlement {
  return { gid, token, cursor: 0, to: 'finished' }
}

/** The gids of each batch, in the order they were sent. */
function batches({ settle }: Pick<ReturnType<typeof setUp>, 'settle'>): string[][] {
  return settle.mock.calls.map(([settlements]) => settlements.map(({ gid }) => gid))
}

test('endings of the same moment are written by one statement', async () => {
  const parts = setUp()
  const settled = ['a', 'b', 'c'].map((gid) => parts.settler.settle(ending(gid)))
  await vi.advanceTimersByTimeAsync(0)
  await Promise.all(settled)
  expect(batches(parts)).toEqual([['a', 'b', 'c']])
})

test('endings that come while a statement is under way share the next one', async () => {
  const parts = setUp()
  const first = Promise.withResolvers<ReadonlyMap<string, SettleResult>>()
  parts.settle.mockReturnValueOnce(first.promise)
  void parts.settler.settle(ending('a'))
  await vi.advanceTimersByTimeAsync(0)
  void parts.settler.settle(ending('b'))
  void parts.settler.settle(ending('c'))
  await vi.advanceTimersByTimeAsync(0)
  expect(batches(parts)).toEqual([['a']])
  first.resolve(new Map([['a', 'saved']]))
  await vi.advanceTimersByTimeAsync(0)
  expect(batches(parts)).toEqual([['a'], ['b', 'c']])
})

test('one statement writes at most 500 endings', async () => {
  const parts = setUp()
  for (let i = 0; i < 501; i++) void parts.settler.settle(ending(`${i}`))
  await vi.advanceTimersByTimeAsync(0)
  expect(batches(parts).map(({ length }) => length)).toEqual([500, 1])
})

test('two endings of one job never share a statement, so that each gets its own result', async () => {
  const { settler, settle } = setUp()
  settle.mockImplementation(
    async (settlements) =>
      new Map(settlements.map(({ gid, token }) => [gid, token === 2 ? 'saved' : 'lost'])),
  )
  const settled = Promise.all([
    settler.settle(ending('a', 1)),
    settler.settle(ending('b', 2)),
    settler.settle(ending('a', 2)),
  ])
  await vi.advanceTimersByTimeAsync(0)
  expect((await settled).map(({ result }) => result)).toEqual(['lost', 'saved', 'saved'])
})

test('a caller learns its own result and when the statement was sent', async () => {
  const { settler, settle } = setUp()
  settle.mockImplementation(async () => {
    await new Promise((resolve) => setTimeout(resolve, 300))
    return new Map([['a', 'saved' as const]])
  })
  const sentAt = performance.now()
  const settled = Promise.all([settler.settle(ending('a')), settler.settle(ending('b'))])
  await vi.advanceTimersByTimeAsync(300)
  expect(await settled).toEqual([
    { result: 'saved', sentAtMs: sentAt },
    { result: 'lost', sentAtMs: sentAt },
  ])
})

test('what the store could not take is sent again until it answers', async () => {
  const parts = setUp()
  const down = new Error('refused')
  parts.settle.mockRejectedValueOnce(down).mockRejectedValueOnce(down)
  const settled = parts.settler.settle(ending('a'))
  await vi.advanceTimersByTimeAsync(60_000)
  expect(await settled).toMatchObject({ result: 'saved' })
  expect(batches(parts)).toEqual([['a'], ['a'], ['a']])
  expect(parts.onFailure.mock.calls).toEqual([[down], [down]])
  expect(parts.onSuccess).toHaveBeenCalledOnce()
})

test('sent again, an ending counts from its first sending, which may have written it', async () => {
  const parts = setUp()
  parts.settle.mockRejectedValueOnce(new Error('connection lost'))
  const sentAtMs = monotonicMs()
  const settled = parts.settler.settle(ending('a'))
  await vi.advanceTimersByTimeAsync(60_000)
  expect(await settled).toEqual({ result: 'saved', sentAtMs })
})

test('sent again, endings keep their place before those that came meanwhile', async () => {
  const parts = setUp()
  const first = Promise.withResolvers<never>()
  parts.settle.mockReturnValueOnce(first.promise)
  void parts.settler.settle(ending('a'))
  await vi.advanceTimersByTimeAsync(0)
  void parts.settler.settle(ending('b'))
  first.reject(new Error('refused'))
  await vi.advanceTimersByTimeAsync(60_000)
  expect(batches(parts)).toEqual([['a'], ['a', 'b']])
})

test('during an outage it asks about once a second', async () => {
  const { settler, settle } = setUp()
  settle.mockRejectedValue(new Error('refused'))
  void settler.settle(ending('a'))
  await vi.advanceTimersByTimeAsync(10_000)
  settle.mockClear()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(settle).toHaveBeenCalledTimes(10)
})

test('one ending that the store refuses does not fail the others of its batch', async () => {
  const refusal = new Error('invalid byte sequence')
  const { settler, settle, onFailure } = setUp((error) => error === refusal)
  settle.mockImplementation(async (settlements) => {
    if (settlements.some(({ gid }) => gid === 'poison')) throw refusal
    return await saveAll(settlements)
  })
  const settled = Promise.all(['a', 'poison', 'b'].map((gid) => settler.settle(ending(gid))))
  await vi.advanceTimersByTimeAsync(0)
  expect(await settled).toMatchObject([
    { result: 'saved' },
    { result: 'refused', reason: refusal },
    { result: 'saved' },
  ])
  expect(onFailure).not.toHaveBeenCalled()
})

test('each holder is told once, also where the store stops answering amid a batch that it refused', async () => {
  const refusal = new Error('invalid byte sequence')
  const { settler, settle } = setUp((error) => error === refusal)
  settle
    .mockRejectedValueOnce(refusal)
    .mockImplementationOnce(saveAll)
    .mockRejectedValueOnce(new Error('refused'))
  const told: string[] = []
  const holder: Holder = { settled: ({ gid }, { result }) => void told.push(`${gid} ${result}`) }
  for (const gid of ['a', 'b', 'c']) settler.write(ending(gid), holder)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(told).toEqual(['a saved', 'b saved', 'c saved'])
})

test('it is behind from a failure until the store answers, be it by a refusal', async () => {
  const refusal = new Error('invalid byte sequence')
  const { settler, settle } = setUp((error) => error === refusal)
  settle.mockRejectedValueOnce(new Error('refused')).mockRejectedValueOnce(refusal)
  const settled = settler.settle(ending('a'))
  expect(settler.isBehind).toBe(false)
  await vi.advanceTimersByTimeAsync(10)
  expect(settler.isBehind).toBe(true)
  await vi.advanceTimersByTimeAsync(1_000)
  await settled
  expect(settler.isBehind).toBe(false)
})

test('an answer that does not come is not waited for: the batch is sent again', async () => {
  const parts = setUp()
  parts.settle.mockReturnValueOnce(new Promise(() => {}))
  const settled = parts.settler.settle(ending('a'))
  await vi.advanceTimersByTimeAsync(10_100)
  expect(await settled).toMatchObject({ result: 'saved' })
  expect(batches(parts)).toEqual([['a'], ['a']])
})

test('close waits for what is under way', async () => {
  const { settler, settle } = setUp()
  const answer = Promise.withResolvers<ReadonlyMap<string, SettleResult>>()
  settle.mockReturnValueOnce(answer.promise)
  const settled = settler.settle(ending('a'))
  const closed = vi.fn<() => void>()
  void settler.close().then(closed)
  await vi.advanceTimersByTimeAsync(10)
  expect(closed).not.toHaveBeenCalled()
  answer.resolve(new Map([['a', 'saved']]))
  await vi.advanceTimersByTimeAsync(0)
  expect(closed).toHaveBeenCalledOnce()
  expect(await settled).toMatchObject({ result: 'saved' })
})

test('close tells of what cannot be written, and leaves no timer behind', async () => {
  const { settler, settle } = setUp()
  const down = new Error('refused')
  settle.mockRejectedValue(down)
  const settled = Promise.all([settler.settle(ending('a')), settler.settle(ending('b'))])
  await vi.advanceTimersByTimeAsync(100)
  await settler.close()
  expect(await settled).toMatchObject([
    { result: 'unwritten', reason: down },
    { result: 'unwritten', reason: down },
  ])
  expect(vi.getTimerCount()).toBe(0)
})
