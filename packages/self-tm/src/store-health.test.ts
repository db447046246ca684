import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeParticipant } from '../test/fake-participant.ts'
import { StoreHealth } from './store-health.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function setUp(): { participant: FakeParticipant; health: StoreHealth } {
  const participant = new FakeParticipant({})
  return { participant, health: new StoreHealth(participant) }
}

test('an outage is reported once, and its end once with how long it was', async () => {
  const { participant, health } = setUp()
  health.failed(new Error('refused'))
  await vi.advanceTimersByTimeAsync(3_000)
  health.failed(new Error('refused again'))
  await vi.advanceTimersByTimeAsync(1_000)
  health.answered()
  health.answered()
  expect(participant.events).toEqual([
    { type: 'store.failed', error: new Error('refused') },
    { type: 'store.recovered', afterMs: 4_000 },
  ])
})

test('each outage is reported', () => {
  const { participant, health } = setUp()
  for (let i = 0; i < 2; i++) {
    health.failed(new Error('refused'))
    health.answered()
  }
  expect(participant.eventsOf('store.failed')).toHaveLength(2)
  expect(participant.eventsOf('store.recovered')).toHaveLength(2)
})

test('shows the newest error until the store answers', () => {
  const { health } = setUp()
  health.failed(new Error('refused'))
  health.failed(new Error('shutting down'))
  expect(health.error).toBe('shutting down')
  health.answered()
  expect(health.error).toBeNull()
})

test('tells how long ago the store answered, and null before the first time', async () => {
  const { health } = setUp()
  health.failed(new Error('refused'))
  expect(health.answeredAgoMs).toBeNull()
  health.answered()
  await vi.advanceTimersByTimeAsync(700)
  expect(health.answeredAgoMs).toBe(700)
})

test('tries again soon at first and at least every two seconds', () => {
  const { health } = setUp()
  const waits = Array.from({ length: 20 }, () => {
    health.failed(new Error('refused'))
    return health.retryInMs
  })
  expect(waits.slice(0, 5)).toEqual([200, 400, 800, 1_600, 2_000])
  expect(waits.at(-1)).toBe(2_000)
})

test('begins with the short wait again after an answer', () => {
  const { health } = setUp()
  for (let i = 0; i < 5; i++) health.failed(new Error('refused'))
  health.answered()
  health.failed(new Error('refused'))
  expect(health.retryInMs).toBe(200)
})
