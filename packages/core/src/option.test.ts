import { describe, expect, it } from 'vitest'
import type { SteppingError } from './errors.ts'
import { assertNumber } from './option.ts'
import type { NumberRange } from './option.ts'

function refused(value: unknown, range?: NumberRange): string {
  try {
    assertNumber('selfTm', 'leaseMs', value, range)
    return 'accepted'
  } catch (error) {
    const { code, message } = error as SteppingError
    return `${code} ${message}`
  }
}

describe('a number among the options', () => {
  it.each([0.5, 1, 1e9])('may be %d', (value) => {
    expect(refused(value)).toBe('accepted')
  })

  it.each([
    ['a text', '10s', '"10s"'],
    ['a text of digits', '10000', '"10000"'],
    ['NaN', Number.NaN, 'NaN'],
    ['zero', 0, '0'],
    ['negative', -1, '-1'],
    ['infinite', Infinity, 'Infinity'],
    ['null', null, 'null'],
    ['an object', { ms: 10 }, '{"ms":10}'],
  ])('is refused when it is %s, by name, value and what to give', (_name, value, printed) => {
    expect(refused(value)).toBe(
      `OPTIONS_INVALID selfTm: leaseMs is ${printed}, it must be a number above 0, and finite.`,
    )
  })

  it('may be limited', () => {
    const range = { from: 1, to: 100 }
    expect([1, 100].map((value) => refused(value, range))).toEqual(['accepted', 'accepted'])
    expect(refused(0.9, range)).toContain('is 0.9, it must be a number from 1 to 100.')
    expect(refused(101, range)).toContain('is 101')
  })

  it('may have to be whole', () => {
    expect(refused(2, { whole: true })).toBe('accepted')
    expect(refused(2.5, { whole: true })).toContain('a whole number above 0')
  })

  it('may be allowed to have no limit', () => {
    const range = { from: 1, to: Infinity, whole: true }
    expect(refused(Infinity, range)).toBe('accepted')
    expect(refused(0, range)).toMatch(/a whole number from 1\.$/)
  })
})
