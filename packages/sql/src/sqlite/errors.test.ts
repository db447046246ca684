import { SteppingError } from '@stepping/core'
import { describe, expect, test } from 'vitest'
import { isMissingTable, isRefusal, isRolledBack, isUndecided, isUnreachable } from './errors.ts'

function withCode(code: string, message = 'driver'): Error {
  return Object.assign(new Error(message), { code })
}

describe('a lock', () => {
  test.each(['SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT', 'SQLITE_BUSY_RECOVERY', 'SQLITE_LOCKED'])(
    '%s leaves a question undecided, and the statement may be sent again',
    (code) => {
      expect(isUndecided(withCode(code))).toBe(true)
      expect(isRolledBack(new Error('Failed query', { cause: withCode(code) }))).toBe(true)
      expect(isUnreachable(withCode(code))).toBe(false)
    },
  )

  test('that an adapter has waited for leaves a question undecided, and is not waited for again', () => {
    const waited = new SteppingError('DATABASE_UNREACHABLE', 'locked', {
      cause: withCode('SQLITE_BUSY'),
    })
    expect(isUndecided(waited)).toBe(true)
    expect(isRolledBack(waited)).toBe(false)
  })
})

test.each(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT', 'SQLITE_TOOBIG', 'SQLITE_MISMATCH'])(
  '%s is a refusal of the data',
  (code) => {
    expect(isRefusal(withCode(code))).toBe(true)
    expect(isUndecided(withCode(code))).toBe(false)
    expect(isUnreachable(withCode(code))).toBe(false)
  },
)

test.each([
  'SQLITE_CANTOPEN',
  'SQLITE_IOERR_READ',
  'SQLITE_NOTADB',
  'SQLITE_READONLY_DBMOVED',
  'CLIENT_CLOSED',
  'HRANA_WEBSOCKET_ERROR',
  'SERVER_ERROR',
  'ECONNREFUSED',
])('%s says that the database cannot be reached', (code) => {
  expect(isUnreachable(withCode(code))).toBe(true)
})

test.each([
  'SQLITE_ERROR',
  'SQLITE_FULL',
  'SQLITE_CONSTRAINT',
  'TRANSACTION_TIMEOUT',
  'ERR_INVALID_ARG',
])('%s does not', (code) => {
  expect(isUnreachable(withCode(code))).toBe(false)
})

test.each([
  [withCode('SQLITE_ERROR', 'no such table: stepping_meta'), true],
  [
    new Error('Failed query', {
      cause: withCode('SQLITE_UNKNOWN', 'SQLite error: no such table: stepping_meta'),
    }),
    true,
  ],
  [withCode('SQLITE_ERROR', 'no such column: place'), false],
  ['no such table: x', false],
])('%s: a table is missing: %s', (error, missing) => {
  expect(isMissingTable(error)).toBe(missing)
})
