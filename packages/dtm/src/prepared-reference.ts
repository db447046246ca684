import type { DatabaseIdentity, JobRecord } from '@stepping/core'

/** Whose transaction DTM asks about: the query of the URL at which it asks. */
export interface PreparedReference {
  readonly app: string
  readonly gid: string
  /** Absent: the job has no transaction, it stands by itself. */
  readonly database?: DatabaseIdentity
}

/**
 * The gid comes first: DTM appends its own to the URL, and its clients in other languages take the
 * first one for the barrier row.
 */
export function encodeReference({ app, gid, database }: JobRecord): URLSearchParams {
  const params = new URLSearchParams({ gid, app })
  if (!database) return params
  params.set('database', database.name)
  if (database.tenant !== undefined) params.set('tenant', database.tenant)
  params.set('identity', database.identity)
  return params
}

/** Undefined for what names no job. */
export function decodeReference(params: URLSearchParams): PreparedReference | undefined {
  const app = params.get('app')
  const gid = params.get('gid')
  if (app === null || gid === null) return undefined
  const name = params.get('database')
  const tenant = params.get('tenant')
  const identity = params.get('identity')
  if (name === null) return tenant === null && identity === null ? { app, gid } : undefined
  if (identity === null) return undefined
  return { app, gid, database: { name, identity, ...(tenant !== null && { tenant }) } }
}

/** What is signed: the values, however a proxy may write them anew in the URL. It is a list and a step's message is none, so that neither MAC fits the other. */
export function signedText({ app, gid, database }: PreparedReference): string {
  const { name, tenant, identity } = database ?? {}
  return JSON.stringify([gid, app, name ?? null, tenant ?? null, identity ?? null])
}
