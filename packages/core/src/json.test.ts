import { createContext, runInContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { encodeJson } from './json.ts'

describe('what JSON keeps', () => {
  it.each([
    ['a number, a text and a date as text', { count: 3, name: 'Ada', at: '2026-01-02T03:04:05Z' }],
    ['nothing in it', {}],
    ['null', null],
    ['an array', [1, ['two', null], { three: true }]],
    ['a top-level string', 'text'],
    ['characters outside the basic plane', { emoji: '🙂', nul: '\u0000' }],
    ['one object in two places', ((part) => ({ a: part, b: [part] }))({ x: 1 })],
  ])('comes back equal: %s', (_name, value) => {
    expect(JSON.parse(encodeJson(value, 'The args'))).toEqual(value)
  })

  it('takes an object without a prototype', () => {
    const value = Object.assign(Object.create(null) as object, { a: 1 })
    expect(encodeJson(value, 'The args')).toBe('{"a":1}')
  })

  it('takes a plain object that was made in another realm', () => {
    const value: unknown = runInContext('({ a: [1] })', createContext())
    expect(encodeJson(value, 'The args')).toBe('{"a":[1]}')
  })

  it('leaves out properties that are undefined, as optional ones are', () => {
    expect(encodeJson({ a: 1, b: undefined }, 'The args')).toBe('{"a":1}')
  })
})

class Money {
  readonly cents = 5
}

const loop: { list: unknown[] } = { list: [] }
loop.list.push({ back: loop })

describe('what JSON would lose or change', () => {
  it.each([
    ['a Date', { at: new Date(0) }, '$.at', 'toISOString'],
    ['a Map', { tags: new Map() }, '$.tags', 'instance of Map'],
    ['a Set', { tags: new Set() }, '$.tags', 'instance of Set'],
    ['bytes', { data: new Uint8Array(1) }, '$.data', 'instance of Uint8Array'],
    ['an instance of a class', { price: new Money() }, '$.price', 'instance of Money'],
    ['an Error', { cause: new Error('x') }, '$.cause', 'instance of Error'],
    ['a bigint', { id: 1n }, '$.id', 'a bigint'],
    ['NaN', { ratio: Number.NaN }, '$.ratio', 'NaN'],
    ['Infinity', { ratio: -Infinity }, '$.ratio', '-Infinity'],
    ['a function', { run() {} }, '$.run', 'a function'],
    ['a symbol', { kind: Symbol('x') }, '$.kind', 'a symbol'],
    ['a symbol key', { at: { [Symbol('x')]: 1 } }, '$.at', 'symbol keys'],
    ['undefined in an array', { list: [1, undefined] }, '$.list[1]', 'undefined'],
    // oxlint-disable-next-line no-sparse-arrays
    ['a hole in an array', { list: [1, , 2] }, '$.list[1]', 'undefined'],
    ['undefined itself', undefined, '$', 'undefined'],
    ['half a surrogate pair', { name: 'a\ud800' }, '$.name', 'surrogate'],
    ['a cycle', loop, '$.list[0].back', 'reference back'],
    ['a value deep inside', { a: [{ b: { c: 1n } }] }, '$.a[0].b.c', 'a bigint'],
  ])('is refused by its path: %s', (_name, value, path, what) => {
    const encode = (): string => encodeJson(value, 'The args of step Ship')
    expect(encode).toThrow(expect.objectContaining({ code: 'ARGS_NOT_JSON' }))
    expect(encode).toThrow(`The args of step Ship cannot be stored: ${path} is `)
    expect(encode).toThrow(what)
  })
})
