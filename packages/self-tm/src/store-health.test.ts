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
  health.failed('claim', new Error('refused'))
  await vi.advanceTimersByTimeAsync(3_000)
  health.failed('claim', new Error('refused again'))
  await vi.advanceTimersByTimeAsync(1_000)
  health.answered('claim')
  health.answered('claim')
  expect(participant.events).toEqual([
    { type: 'store.failed', error: new Error('refused') },
    { type: 'store.recovered', afterMs: 4_000 },
  ])
})

test('each outage is reported', () => {
  const { participant, health } = setUp()
  for (let i = 0; i < 2; i++) {
    health.failed('claim', new Error('refused'))
    health.answered('claim')
  }
  expect(participant.eventsOf('store.failed')).toHaveLength(2)
  expect(participant.eventsOf('store.recovered')).toHaveLength(2)
})

test('shows the newest error until the store answers', () => {
  const { health } = setUp()
  health.failed('claim', new Error('refused'))
  health.failed('claim', new Error('shutting down'))
  expect(health.error).toBe('shutting down')
  health.answered('claim')
  expect(health.error).toBeNull()
})

test('tells how long ago the store answered, and null before the first time', async () => {
  const { health } = setUp()
  health.failed('claim', new Error('refused'))
  expect(health.answeredAgoMs).toBeNull()
  health.answered('claim')
  await vi.advanceTimersByTimeAsync(700)
  expect(health.answeredAgoMs).toBe(700)
})

test('tries again soon at first and at least every two seconds', () => {
  const { health } = setUp()
  const waits = Array.from({ length: 20 }, () => {
    health.failed('claim', new Error('refused'))
    return health.retryInMs('claim')
  })
  expect(waits.slice(0, 5)).toEqual([200, 400, 800, 1_600, 2_000])
  expect(waits.at(-1)).toBe(2_000)
})

test('begins with the short wait again after an answer', () => {
  const { health } = setUp()
  for (let i = 0; i < 5; i++) health.failed('claim', new Error('refused'))
  health.answered('claim')
  health.failed('claim', new Error('refused'))
  expect(health.retryInMs('claim')).toBe(200)
})

test('one kind of call that fails while the others work is one outage, not one at each call', () => {
  const { participant, health } = setUp()
  for (let i = 0; i < 5; i++) {
    health.failed('renew', new Error('permission denied'))
    health.answered('claim')
    health.answered('settle')
    expect(health.error).toBe('permission denied')
  }
  expect(participant.eventsOf('store.failed')).toHaveLength(1)
  expect(participant.eventsOf('store.recovered')).toHaveLength(0)
  health.answered('renew')
  expect(health.error).toBeNull()
  expect(participant.eventsOf('store.recovered')).toHaveLength(1)
})

test('a failure is over when there is nothing left to call for', () => {
  const { participant, health } = setUp()
  health.failed('renew', new Error('refused'))
  health.notNeeded('renew')
  expect(health.error).toBeNull()
  expect(participant.eventsOf('store.recovered')).toHaveLength(1)
  expect(health.answeredAgoMs).toBeNull()
})

test('waits ever longer between claims that fail, also while endings are written', () => {
  const { health } = setUp()
  const waits = Array.from({ length: 4 }, () => {
    health.failed('claim', new Error('refused'))
    health.answered('settle')
    return health.retryInMs('claim')
  })
  expect(waits).toEqual([200, 400, 800, 1_600])
})
