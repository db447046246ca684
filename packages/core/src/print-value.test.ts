import { expect, it } from 'vitest'
import { printKind, printValue } from './print-value.ts'

class Response {
  readonly #status = 500
  get ok(): boolean {
    return this.#status < 300
  }
}
class BoundPool {
  readonly connectionString = 'postgres://app:secret@db/shop'
}
class Id {
  toJSON(): string {
    return '7f'
  }
}
const circle: { self?: object } = {}
circle.self = circle
const trap = {
  get code(): never {
    throw new Error('a trap')
  },
}

it.each([
  ['a text', 'no "route"', String.raw`"no \"route\""`],
  ['a number', Number.NaN, 'NaN'],
  ['nothing', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a bigint', 7n, '7'],
  ['a symbol', Symbol('x'), 'Symbol(x)'],
  ['a function', () => 1, 'a function'],
  ['an object', { status: 500 }, '{"status":500}'],
  ['a list', [1, 'two'], '[1,"two"]'],
  ['an object that keeps its data to itself', new Response(), 'an object of the class Response'],
  ['an object that may hold a secret', new BoundPool(), 'an object of the class Pool'],
  ['an object with a text of its own', new Id(), '"7f"'],
  ['an empty object', {}, 'an object'],
  ['an object without a prototype', Object.create(null), 'an object'],
  ['a circle', circle, 'an object'],
  ['an object with a getter that throws', trap, 'an object'],
])('%s is printed as what it is', (_name, value, printed) => {
  expect(printValue(value)).toBe(printed)
})

it.each([
  [new BoundPool(), 'a Pool'],
  [new Id(), 'an Id'],
  [{ name: 'orders' }, 'an object'],
  [() => 1, 'a function'],
  [undefined, 'undefined'],
  [null, 'null'],
  ['orders', '"orders"'],
])('the kind of %o is %s', (value, kind) => {
  expect(printKind(value)).toBe(kind)
})

it('is short', () => {
  expect(printValue('x'.repeat(10_000)).length).toBeLessThan(250)
  expect(printValue({ text: 'x'.repeat(10_000) }).length).toBeLessThan(250)
})
