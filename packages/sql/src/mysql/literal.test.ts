import { describe, expect, test } from 'vitest'
import { sql } from '../statement.ts'
import { join, list, toLiteralText } from './literal.ts'

function hex(text: string): string {
  return `_utf8mb4 x'${Buffer.from(text).toString('hex')}'`
}

describe('a value in the text of a statement', () => {
  test.each([
    [null, 'null'],
    [true, '1'],
    [false, '0'],
    [42, '42'],
    [-1.5, '-1.5'],
    [1_790_000_000_000, '1790000000000'],
  ])('%s is %s', (value, text) => {
    expect(toLiteralText(sql`select ${value} as a`)).toBe(`select ${text} as a`)
  })

  test.each(['shop', '0190a-b_c.d:e', '{"sku":"A1"}', '?', '$1 :name /* -- # */ `x`'])(
    'that needs no escape is quoted: %s',
    (value) => {
      expect(toLiteralText(sql`select ${value}`)).toBe(`select '${value}'`)
    },
  )

  test.each([
    `it's`,
    `\\`,
    `\\'; drop table orders; -- `,
    '\u0000',
    '\n',
    '\u001a',
    '\u007f',
    'é',
    '🦆',
    '¿',
    '＇',
    '',
  ])('that would is the hexadecimal of its UTF-8: %j', (value) => {
    expect(toLiteralText(sql`select ${value}`)).toBe(`select ${hex(value)}`)
  })

  test('of one byte is quoted, or in hexadecimal where a session could read it otherwise', () => {
    for (let code = 0; code < 128; code++) {
      const value = String.fromCharCode(code)
      const isPlain = code >= 0x20 && code < 0x7f && value !== `'` && value !== '\\'
      expect(toLiteralText(sql`${value}`)).toBe(isPlain ? `'${value}'` : hex(value))
    }
  })

  test('half of a pair of surrogates becomes the sign for what is none', () => {
    expect(toLiteralText(sql`${'\ud83e'}`)).toBe(hex('\ufffd'))
  })

  test.each([NaN, Infinity, -Infinity])('%s is refused', (value) => {
    expect(() => toLiteralText(sql`select ${value}`)).toThrow(/cannot be written/)
  })
})

describe('a list', () => {
  test('has its values between brackets', () => {
    expect(toLiteralText(sql`a in ${list(['x', 1, `'`])}`)).toBe(`a in ('x', 1, _utf8mb4 x'27')`)
  })

  test('of nothing is one that nothing is in', () => {
    expect(toLiteralText(sql`a in ${list([])}`)).toBe('a in (null)')
  })

  test('of statements is joined', () => {
    expect(toLiteralText(join([sql`a = ${1}`, sql`b = ${2}`], ' or '))).toBe('a = 1 or b = 2')
  })
})
