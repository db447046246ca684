import { SteppingError } from '@stepping/core'
import { describe, expect, test } from 'vitest'
import { errorCode, isMissingTable, isRolledBack, isUndecided, isUnreachable } from './errors.ts'

function withCode(code: string, cause?: unknown): Error {
  return Object.assign(new Error('driver', { cause }), { code })
}

describe('the code of an error', () => {
  test('is that of the driver', () => {
    expect(errorCode(withCode('23505'))).toBe('23505')
  })

  test('is found behind what a library put around it', () => {
    const wrapped = new Error('Failed query', { cause: withCode('23505') })
    expect(errorCode(new Error('outer', { cause: wrapped }))).toBe('23505')
  })

  test('is found behind our own error, whose code is a word of ours', () => {
    const ours = new SteppingError('DATABASE_UNREACHABLE', 'x', { cause: withCode('57P01') })
    expect(errorCode(ours)).toBe('57P01')
  })

  test('is found in the first of several connection attempts', () => {
    const attempts = new AggregateError([withCode('ECONNREFUSED'), withCode('EHOSTUNREACH')])
    expect(errorCode(attempts)).toBe('ECONNREFUSED')
  })

  test('is the outer one of two', () => {
    expect(errorCode(withCode('40001', withCode('23505')))).toBe('40001')
  })

  test.each([
    ['an error without a code', new Error('plain')],
    ['a code that is no text', Object.assign(new Error('x'), { code: 42 })],
    ['something that is no error', { code: '23505' }],
    ['nothing', undefined],
  ])('is missing for %s', (_name, error) => {
    expect(errorCode(error)).toBeUndefined()
  })

  test('is not looked for without end', () => {
    const circular = new Error('circular')
    circular.cause = circular
    expect(errorCode(circular)).toBeUndefined()
  })
})

describe('errors of the server', () => {
  test.each(['55P03', '57014', '40001', '40P01'])('%s leaves a question undecided', (code) => {
    expect(isUndecided(withCode(code))).toBe(true)
  })

  test.each(['23505', '42P01', '57P01', 'ECONNRESET'])('%s does not', (code) => {
    expect(isUndecided(withCode(code))).toBe(false)
  })

  test.each([
    ['40001', true],
    ['40P01', true],
    ['55P03', false],
    ['57014', false],
  ])('%s undid the statement: %s', (code, undone) => {
    expect(isRolledBack(withCode(code))).toBe(undone)
  })

  test.each([
    ['42P01', true],
    ['3F000', true],
    ['42703', false],
    ['42501', false],
  ])('%s says that a table is missing: %s', (code, missing) => {
    expect(isMissingTable(withCode(code))).toBe(missing)
  })
})

describe('a server is unreachable', () => {
  test.each([
    ['08006', 'the connection failed'],
    ['57P01', 'it shuts down'],
    ['57P02', 'it crashed'],
    ['57P03', 'it starts'],
    ['57P04', 'the database was dropped'],
    ['57P05', 'the session was idle for too long'],
    ['53300', 'it has too many connections'],
    ['28P01', 'the password is wrong'],
    ['28000', 'the login is refused'],
    ['3D000', 'the database does not exist'],
    ['ECONNREFUSED', 'nobody listens'],
    ['ECONNRESET', 'the connection broke'],
    ['ENOTFOUND', 'the name is unknown'],
    ['ETIMEDOUT', 'nobody answers'],
    ['CONNECT_TIMEOUT', 'nobody answers postgres-js'],
    ['CONNECTION_CLOSED', 'postgres-js lost it'],
    ['CONNECTION_DESTROYED', 'postgres-js ended it'],
  ])('for %s: %s', (code) => {
    expect(isUnreachable(withCode(code))).toBe(true)
    expect(isUnreachable(new Error('Failed query', { cause: withCode(code) }))).toBe(true)
  })

  test.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout exceeded when trying to connect',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
    'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string',
  ])('when node-postgres says "%s", which has no code', (message) => {
    expect(isUnreachable(new Error(message))).toBe(true)
    expect(isUnreachable(new Error('Failed query', { cause: new Error(message) }))).toBe(true)
  })

  test.each([
    ['a violated constraint', withCode('23505')],
    ['a right that is missing', withCode('42501')],
    ['a cancelled statement', withCode('57014')],
    ['a wrong argument of Node', withCode('ERR_INVALID_ARG_TYPE')],
    ['an error of the user that only sounds like it', new Error('the Connection terminated')],
    ['an exception of a trigger', withCode('P0001', new Error('Connection terminated'))],
    ['something that is no error', 'ECONNREFUSED'],
  ])('but not for %s', (_name, error) => {
    expect(isUnreachable(error)).toBe(false)
  })
})
