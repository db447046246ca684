import { describe, expect, it } from 'vitest'
import { hmacSigner } from './signature.ts'

const [one, two] = ['1'.repeat(32), '2'.repeat(32)]

describe('a MAC', () => {
  it('is the HMAC-SHA256 in hex', () => {
    expect(hmacSigner('dtm', [one]).sign('text')).toBe(
      '8e42e93b812b5323f6e30a4f1570162961bbaf9d608f6640c6e51fd3bbc619df',
    )
  })

  it('is made by the first secret and believed by all', () => {
    const rotating = hmacSigner('dtm', [two, one])
    const mac = rotating.sign('text')!
    expect(hmacSigner('dtm', [two]).verify('text', mac)).toBe(true)
    expect(rotating.verify('text', hmacSigner('dtm', [one]).sign('text')!)).toBe(true)
    expect(hmacSigner('dtm', [one]).verify('text', mac)).toBe(false)
  })

  it.each([null, '', 'text', 'A'.repeat(64), 'a'.repeat(63), 'a'.repeat(65), 'a'.repeat(64)])(
    'is not %j',
    (mac) => {
      expect(hmacSigner('dtm', [one]).verify('text', mac)).toBe(false)
    },
  )
})

describe('secrets', () => {
  it.each([[[]], [['too short']], [[one, 7]], ['1'.repeat(40)], [undefined]])(
    'cannot be %j',
    (secrets) => {
      const make = (): unknown => hmacSigner('dtm', secrets as never)
      expect(make).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
    },
  )

  it('are not repeated when they are refused', () => {
    expect(() => hmacSigner('dtm', ['hunter2'])).not.toThrow('hunter2')
  })
})
