import { SteppingError } from '@stepping/core'
import { describe, expect, test } from 'vitest'
import {
  errorNumber,
  isMissingTable,
  isRefusal,
  isRolledBack,
  isUndecided,
  isUnreachable,
} from './errors.ts'

/** As mysql2 makes them. */
function serverError(errno: number, code = 'ER_SOMETHING'): Error {
  return Object.assign(new Error('from the server'), { errno, code, sqlState: 'HY000' })
}

function socketError(code: string): Error {
  return Object.assign(new Error(code), { errno: -111, code })
}

const kinds = { isUndecided, isRolledBack, isRefusal, isUnreachable, isMissingTable }

function kindsOf(error: unknown): string[] {
  return Object.entries(kinds).flatMap(([name, is]) => (is(error) ? [name] : []))
}

describe('an error of the server', () => {
  test.each([
    ['a deadlock', 1213, ['isUndecided', 'isRolledBack']],
    ['a lock that was waited for too long', 1205, ['isUndecided', 'isRolledBack']],
    ['a row that changed after the snapshot, on MariaDB', 1020, ['isUndecided', 'isRolledBack']],
    ['a lock that is held, on MySQL', 3572, ['isUndecided']],
    ['a time limit on MariaDB', 1969, ['isUndecided']],
    ['a time limit on MySQL', 3024, ['isUndecided']],
    ['a missing table', 1146, ['isMissingTable']],
    ['data too long', 1406, ['isRefusal']],
    ['a number out of range', 1264, ['isRefusal']],
    ['a wrong login', 1045, ['isUnreachable']],
    ['a missing database', 1049, ['isUnreachable']],
    ['too many connections', 1040, ['isUnreachable']],
    ['a shutdown', 1053, ['isUnreachable']],
    ['a duplicate', 1062, ['isRefusal']],
    ['bad syntax', 1064, []],
  ])('that says %s', (_what, errno, expected) => {
    expect(kindsOf(serverError(errno))).toEqual(expected)
  })

  test('has its number also where a library wrapped it', () => {
    const wrapped = new Error('Failed query', { cause: serverError(1213) })
    expect(errorNumber(wrapped)).toBe(1213)
    expect(isRolledBack(wrapped)).toBe(true)
  })
})

describe('an error without an answer of the server', () => {
  test.each(['ECONNREFUSED', 'ETIMEDOUT', 'EPIPE', 'PROTOCOL_CONNECTION_LOST'])(
    '%s means that it cannot be reached',
    (code) => {
      expect(kindsOf(socketError(code))).toEqual(['isUnreachable'])
    },
  )

  test('of a connection that was lost before has no code', () => {
    const closed = Object.assign(new Error(`Can't add new command`), { fatal: true })
    expect(kindsOf(closed)).toEqual(['isUnreachable'])
  })

  test('of several addresses counts by the first', () => {
    expect(isUnreachable(new AggregateError([socketError('ECONNREFUSED')]))).toBe(true)
  })

  test('has no number', () => {
    expect(errorNumber(socketError('ECONNREFUSED'))).toBeUndefined()
  })

  test.each([new Error('out of stock'), new SteppingError('CLOSED', 'closed'), 'text', undefined])(
    'is nothing of the kind: %s',
    (error) => {
      expect(kindsOf(error)).toEqual([])
    },
  )
})
