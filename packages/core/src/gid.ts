import { SteppingError } from './errors.ts'

const gidPattern = /^[a-z0-9._:-]{1,128}$/

/**
 * A new global id: a UUIDv7 (RFC 9562, section 5.7), so that rows of one hour lie together in an
 * index. It is made here exactly once, which is what lets the row of a finished job be deleted.
 */
export function newGid(now: number = Date.now()): string {
  const random = crypto.randomUUID() // version 4: the same layout but for the first 13 digits
  const time = now.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`
}

/**
 * Refuses a gid that some database would shorten or fold into another one: MySQL's
 * `insert ignore` cuts at the column's length, and its usual collations take 'ABC', 'abc' and
 * 'abc ' for the same key.
 */
export function assertGid(gid: string): void {
  if (typeof gid === 'string' && gidPattern.test(gid)) return
  throw new SteppingError(
    'GID_INVALID',
    `The gid ${JSON.stringify(gid)?.slice(0, 140)} is not usable: it must be 1 to 128 characters of a-z, 0-9, '.', '_', ':' and '-'. ` +
      'No capitals, which some databases take for the same as small letters. Hash any other id (for example its SHA-256 in hex) and pass that.',
  )
}
