import { expect, test, vi } from 'vitest'
import { Slots } from './slots.ts'

function setUp(count: number) {
  const onFree = vi.fn<() => void>()
  return { slots: new Slots(count, onFree), onFree }
}

test('a reserved one is not free, and free again when it is given back', () => {
  const { slots } = setUp(2)
  slots.reserve(1)
  expect(slots.free).toBe(1)
  slots.giveBack()
  expect(slots.free).toBe(2)
})

test('a job takes one until only its end has to be written', () => {
  const { slots } = setUp(1)
  slots.begin()
  expect(slots.free).toBe(0)
  slots.ending()
  expect(slots.free).toBe(1)
  slots.over(true)
  expect(slots.free).toBe(1)
})

test('no more jobs wait for the writing of their ends than there are slots', () => {
  const { slots } = setUp(1)
  for (let n = 0; n < 2; n++) {
    slots.begin()
    slots.ending()
  }
  expect(slots.free).toBe(0)
})

test('each job counts once as ended, whether its end had to be written or not', () => {
  const { slots } = setUp(2)
  slots.begin()
  slots.ending()
  slots.over(true)
  slots.begin()
  slots.over(false)
  expect(slots.ended).toBe(2)
})

test('that one is free is told once, and only if all were taken', () => {
  const { slots, onFree } = setUp(2)
  slots.begin()
  slots.over(false)
  expect(onFree).not.toHaveBeenCalled()
  slots.begin()
  slots.begin()
  slots.over(false)
  slots.over(false)
  expect(onFree).toHaveBeenCalledOnce()
})

test('closed there is none, and nobody is told of one', () => {
  const { slots, onFree } = setUp(1)
  slots.begin()
  slots.close()
  slots.over(false)
  expect(slots.free).toBe(0)
  expect(onFree).not.toHaveBeenCalled()
})
