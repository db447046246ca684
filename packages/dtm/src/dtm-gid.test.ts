import { newGid } from '@stepping/core'
import { expect, it } from 'vitest'
import { dtmGid } from './dtm-gid.ts'

it('leaves a UUID as it is', () => {
  const gid = newGid()
  expect(dtmGid(gid)).toBe(gid)
})

it.each(['a', 'order-1', 'order-10', 'x'.repeat(128), `${'0'.repeat(8)}-0000`])(
  'makes a UUID of %s',
  (gid) => {
    expect(dtmGid(gid)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
  },
)

it('is the beginning of the SHA-256, with version and variant of a UUID set', () => {
  // printf order-1 | sha256sum: 0bafe221 56d2 698c 143b 86040446d366…
  expect(dtmGid('order-1')).toBe('0bafe221-56d2-898c-843b-86040446d366')
})
