import { createHash } from 'node:crypto'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * The gid under which DTM knows a job. All of one length: over BoltDB a DTM server loses the steps
 * of a transaction whose gid is the beginning of another's. So a gid that is no UUID (a caller's
 * own) becomes the version 8 UUID of its SHA-256.
 */
export function dtmGid(gid: string): string {
  if (uuid.test(gid)) return gid
  const hex = createHash('sha256').update(gid).digest('hex')
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ]
  return parts.join('-')
}
