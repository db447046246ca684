import { beforeEach, describe, expect, test, vi } from 'vitest'
import { StillLocked, WriteTurns } from './write-turns.ts'

const busy = new Error('busy')
let turns: WriteTurns

beforeEach(() => {
  turns = new WriteTurns((error) => error === busy)
})

describe('writers of one process', () => {
  test('take turns in the order in which they came', async () => {
    const order: string[] = []
    const take = async (name: string): Promise<void> =>
      await turns.take(1_000, async () => {
        order.push(`${name} begins`)
        await Promise.resolve()
        order.push(`${name} ends`)
      })
    await Promise.all(['a', 'b', 'c'].map(take))
    expect(order).toEqual(['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]))
  })

  test('go on after one that failed', async () => {
    const failed = turns.take(1_000, async () => Promise.reject(new Error('mine')))
    const next = turns.take(1_000, async () => 'next')
    await expect(failed).rejects.toThrow('mine')
    expect(await next).toBe('next')
  })

  test('give up when their turn does not come in time, and are not in the way later', async () => {
    const end = Promise.withResolvers<void>()
    const first = turns.take(1_000, async () => await end.promise)
    const work = vi.fn<() => Promise<void>>()
    await expect(turns.take(20, work)).rejects.toBeInstanceOf(StillLocked)
    end.resolve()
    await first
    await turns.take(1_000, async () => {})
    expect(work).not.toHaveBeenCalled()
  })
})

describe('a lock of another process', () => {
  test('is asked for until it is free', async () => {
    const attempt = vi
      .fn<() => Promise<string>>()
      .mockRejectedValueOnce(busy)
      .mockResolvedValue('mine')
    expect(await turns.take(1_000, async (wait) => await wait(attempt))).toBe('mine')
    expect(attempt).toHaveBeenCalledTimes(2)
  })

  test('is given up at the deadline, with what the driver said', async () => {
    const taken = turns.take(30, async (wait) => await wait(async () => Promise.reject(busy)))
    await expect(taken).rejects.toMatchObject({ code: 'SQLITE_BUSY', cause: busy })
  })

  test('is not what another error is about', async () => {
    const attempt = vi.fn<() => Promise<void>>().mockRejectedValue(new Error('constraint'))
    const taken = turns.take(1_000, async (wait) => await wait(attempt))
    await expect(taken).rejects.toThrow('constraint')
    expect(attempt).toHaveBeenCalledTimes(1)
  })
})

test('now and then the lock is left free for a moment, for other processes', async () => {
  const from = performance.now()
  let pauses = 0
  let endedAt = from
  while (performance.now() - from < 400) {
    const beganAt = await turns.take(1_000, async () => performance.now())
    if (beganAt - endedAt > 1) pauses++
    endedAt = performance.now()
  }
  expect(pauses).toBeGreaterThanOrEqual(2)
})
