import { describe, expect, it } from 'vitest'
import { isSteppingError, SteppingError } from './errors.ts'

describe('an error of this library', () => {
  it('keeps its code, its gid and its cause', () => {
    const cause = new Error('connection lost')
    const error = new SteppingError('JOB_DUPLICATE', 'exists', { cause, gid: 'g1' })
    expect(error).toMatchObject({ name: 'SteppingError', code: 'JOB_DUPLICATE', gid: 'g1', cause })
  })

  it('has no gid and no cause when none was given', () => {
    const error = new SteppingError('CLOSED', 'closed')
    expect('gid' in error || 'cause' in error).toBe(false)
  })

  it('is told by its code', () => {
    const error = new SteppingError('CLOSED', 'closed')
    expect(isSteppingError(error, 'CLOSED')).toBe(true)
    expect(isSteppingError(error, 'JOB_FROZEN')).toBe(false)
    expect(isSteppingError(error)).toBe(true)
  })

  it('is recognised when another copy of core made it', () => {
    const foreign = Object.assign(new Error('closed'), { name: 'SteppingError', code: 'CLOSED' })
    expect(isSteppingError(foreign, 'CLOSED')).toBe(true)
  })

  it.each([
    ['a driver error with a code', Object.assign(new Error('x'), { code: 'CLOSED' })],
    ['a plain object', { name: 'SteppingError', code: 'CLOSED' }],
    ['nothing', undefined],
  ])('is not %s', (_name, error) => {
    expect(isSteppingError(error, 'CLOSED')).toBe(false)
  })
})
