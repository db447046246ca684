import { describe, expect, it } from 'vitest'
import { assertGid, newGid } from './gid.ts'

describe('a new gid', () => {
  it('is a UUID of version 7', () => {
    expect(newGid()).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
  })

  it('begins with its time in milliseconds', () => {
    const now = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
    const time = Number.parseInt(newGid(now).replaceAll('-', '').slice(0, 12), 16)
    expect(time).toBe(now)
  })

  it('sorts after one that was made a millisecond earlier', () => {
    const now = Date.UTC(2026, 0, 2)
    expect(newGid(now) < newGid(now + 1)).toBe(true)
  })

  it('differs from all others of the same millisecond', () => {
    const gids = new Set(Array.from({ length: 10_000 }, () => newGid(1_000)))
    expect(gids.size).toBe(10_000)
  })

  it('is a usable gid', () => {
    expect(() => assertGid(newGid())).not.toThrow()
  })
})

describe('a gid of the caller', () => {
  it.each(['a', 'order-4711', 'inbox:orders.v2_7', 'x'.repeat(128)])('may be %j', (gid) => {
    expect(() => assertGid(gid)).not.toThrow()
  })

  it.each(['', 'ABC', 'abc ', 'größe', 'a/b', "a'b", 'a\n', 'x'.repeat(129)])(
    'may not be %j, which some database would fold into another one',
    (gid) => {
      expect(() => assertGid(gid)).toThrow(expect.objectContaining({ code: 'GID_INVALID' }))
    },
  )

  it('that is no string is refused', () => {
    expect(() => assertGid(4711 as unknown as string)).toThrow(
      expect.objectContaining({ code: 'GID_INVALID' }),
    )
  })

  it('that is refused is named, with what to do instead', () => {
    expect(() => assertGid('Order 4711')).toThrow(/"Order 4711".*Hash/s)
  })

  it('that is refused is printed only in part when it is long', () => {
    expect(() => assertGid('X'.repeat(100_000))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{0,500}$/s) }),
    )
  })
})
