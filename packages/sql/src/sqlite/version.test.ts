import { expect, test } from 'vitest'
import { assertSqliteVersion } from './version.ts'

test.each(['3.42.0', '3.45.1', '3.100.0', '4.0.0'])('%s will do', (version) => {
  expect(() => assertSqliteVersion(version)).not.toThrow()
})

test.each(['3.41.9', '3.5.0', '2.8.17'])('%s is too old', (version) => {
  expect(() => assertSqliteVersion(version)).toThrow(
    expect.objectContaining({
      code: 'DATABASE_INVALID',
      message: expect.stringContaining(version),
    }),
  )
})
