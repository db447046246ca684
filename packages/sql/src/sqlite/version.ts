import { SteppingError } from '@stepping/core'

/**
 * 3.42 (2023) is the first whose clock counts less than a second; the others would answer null.
 *
 * @throws SteppingError `DATABASE_INVALID` for an older one.
 */
export function assertSqliteVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 3 || (major === 3 && minor >= 42)) return
  throw new SteppingError(
    'DATABASE_INVALID',
    `This driver has SQLite ${version}; 3.42 or later is needed. Use a newer version of the driver.`,
  )
}
