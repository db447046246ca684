import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Deadlines, Waiting } from './deadlines.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

class Told extends Waiting {
  readonly onDeadline

  constructor(then: () => void = () => {}) {
    super()
    this.onDeadline = vi.fn<() => void>(then)
  }
}

function inMs(ms: number): number {
  return performance.now() + ms
}

test('each is told at its own deadline', () => {
  const deadlines = new Deadlines()
  const [late, early] = [new Told(), new Told()]
  deadlines.set(late, inMs(200))
  deadlines.set(early, inMs(100))
  vi.advanceTimersByTime(99)
  expect(early.onDeadline).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(early.onDeadline).toHaveBeenCalledOnce()
  vi.advanceTimersByTime(99)
  expect(late.onDeadline).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(late.onDeadline).toHaveBeenCalledOnce()
})

test('one that is over is not told, and the others still are', () => {
  const deadlines = new Deadlines()
  const [over, other] = [new Told(), new Told()]
  deadlines.set(over, inMs(100))
  deadlines.set(other, inMs(200))
  deadlines.delete(over)
  vi.advanceTimersByTime(200)
  expect(over.onDeadline).not.toHaveBeenCalled()
  expect(other.onDeadline).toHaveBeenCalledOnce()
})

test('a deadline that was moved holds, and the earlier one does not', () => {
  const deadlines = new Deadlines()
  const moved = new Told()
  deadlines.set(moved, inMs(100))
  deadlines.set(moved, inMs(300))
  vi.advanceTimersByTime(299)
  expect(moved.onDeadline).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(moved.onDeadline).toHaveBeenCalledOnce()
})

test('one that is told may wait again', () => {
  const deadlines = new Deadlines()
  const again = new Told(() => deadlines.set(again, inMs(50)))
  deadlines.set(again, inMs(100))
  vi.advanceTimersByTime(150)
  expect(again.onDeadline).toHaveBeenCalledTimes(2)
})

test('of two that end each other at the same time one is told', () => {
  const deadlines = new Deadlines()
  const two: Told[] = [0, 1].map((index) => new Told(() => deadlines.delete(two[1 - index]!)))
  for (const each of two) deadlines.set(each, inMs(100))
  vi.advanceTimersByTime(100)
  const told = two.flatMap(({ onDeadline }) => onDeadline.mock.calls)
  expect(told).toHaveLength(1)
})

test('one that is given more time by another at the same time is told then', () => {
  const deadlines = new Deadlines()
  const two: Told[] = [0, 1].map(
    (index) => new Told(() => deadlines.set(two[1 - index]!, inMs(50))),
  )
  for (const each of two) deadlines.set(each, inMs(100))
  vi.advanceTimersByTime(100)
  const told = (): number => two.flatMap(({ onDeadline }) => onDeadline.mock.calls).length
  expect(told()).toBe(1)
  vi.advanceTimersByTime(50)
  expect(told()).toBe(2)
})

test.each([0, 1, 2, 3])('of four waiting the others are told when number %i is over', (over) => {
  const deadlines = new Deadlines()
  const four = [0, 1, 2, 3].map(() => new Told())
  for (const each of four) deadlines.set(each, inMs(100))
  deadlines.delete(four[over]!)
  deadlines.delete(four[over]!)
  vi.advanceTimersByTime(100)
  const told = four.map(({ onDeadline }) => onDeadline.mock.calls.length)
  expect(told).toEqual([1, 1, 1, 1].with(over, 0))
})

test('a deadline in the past is told of soon, and one that no timer can hold is not', () => {
  const deadlines = new Deadlines()
  const [past, far, never] = [new Told(), new Told(), new Told()]
  deadlines.set(past, inMs(-100))
  deadlines.set(far, inMs(2 ** 31))
  deadlines.set(never, Infinity)
  vi.advanceTimersByTime(2 ** 31 - 1)
  expect(past.onDeadline).toHaveBeenCalledOnce()
  expect(far.onDeadline).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(far.onDeadline).toHaveBeenCalledOnce()
  expect(never.onDeadline).not.toHaveBeenCalled()
})

test('no timer is left when nobody waits', () => {
  const deadlines = new Deadlines()
  const only = new Told()
  deadlines.set(only, inMs(100))
  deadlines.delete(only)
  expect(vi.getTimerCount()).toBe(0)
})
