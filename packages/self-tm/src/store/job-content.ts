import { SteppingError } from '@stepping/core'
import type { DatabaseIdentity, JobRecord, JobState, StepRecord } from '@stepping/core'

/**
 * Steps as they are stored: `[["CreateOrder",{"sku":"A1"}],["SendMail"]]`. Text, not jsonb, which
 * would refuse a NUL and reorder keys; and legible to whoever looks at the row.
 */
export function encodeSteps(steps: readonly StepRecord[]): string {
  const parts = steps.map(({ name, args }) =>
    args === undefined ? `[${JSON.stringify(name)}]` : `[${JSON.stringify(name)},${args}]`,
  )
  return `[${parts.join(',')}]`
}

export function decodeSteps(text: string): readonly StepRecord[] {
  return (JSON.parse(text) as [string, unknown?][]).map((part) =>
    part.length === 1 ? { name: part[0] } : { name: part[0], args: JSON.stringify(part[1]) },
  )
}

export function encodeDatabase(database: DatabaseIdentity | undefined): string | null {
  if (!database) return null
  const { name, tenant, identity } = database
  return JSON.stringify({ name, tenant, identity })
}

export function decodeDatabase(text: string | null): { database?: DatabaseIdentity } {
  if (text === null) return {}
  // A batch of jobs is nearly always of one database.
  if (text !== lastDatabase?.text) lastDatabase = { text, decoded: JSON.parse(text) }
  return { database: lastDatabase.decoded }
}

let lastDatabase: { readonly text: string; readonly decoded: DatabaseIdentity } | undefined

/** What makes two messages with one gid the same message. */
export interface JobContent {
  readonly app: string
  readonly steps: string
  readonly database: string | null
}

export function contentOf(job: JobRecord): JobContent {
  return { app: job.app, steps: encodeSteps(job.steps), database: encodeDatabase(job.database) }
}

/** @throws SteppingError `JOB_CONFLICT` */
export function assertSameContent(gid: string, stored: JobContent, sent: JobContent): void {
  for (const part of ['app', 'steps', 'database'] as const) {
    if (stored[part] === sent[part]) continue
    throw new SteppingError(
      'JOB_CONFLICT',
      `A job with the gid ${gid} exists with another ${part === 'steps' ? 'list of steps' : part}. Use a gid for one job only.`,
      { gid },
    )
  }
}

/**
 * A prepare that met a row: a repeat of itself, or a second job with its gid. That job may be over
 * and its barrier row gone, so that nothing else would refuse a transaction whose steps never run.
 *
 * @throws SteppingError `JOB_CONFLICT`, `JOB_DUPLICATE`, `BARRIER_DECIDED`
 */
export function assertStillPrepared(
  job: JobRecord,
  stored: JobContent & { readonly state: JobState },
): void {
  const { gid } = job
  const sent = contentOf(job)
  if (stored.state === 'prepared') return assertSameContent(gid, stored, sent)
  // The same work done again may have other args, for example the id of a row inserted anew.
  assertSameContent(gid, stored, { ...sent, steps: stored.steps })
  throw stored.state === 'rolledBack'
    ? new SteppingError(
        'BARRIER_DECIDED',
        `Job ${gid} was decided as rolled back. Roll this transaction back and begin again with a new job.`,
        { gid },
      )
    : new SteppingError(
        'JOB_DUPLICATE',
        `A job with the gid ${gid} is committed already. Roll this transaction back; if the gid is a message's id, the message was handled.`,
        { gid },
      )
}

/**
 * A job whose row can be deleted as soon as it is done: its only insert cannot arrive twice, and it
 * has no barrier row, which would need this one to tell when it may go.
 */
export function isSentOnce(job: JobRecord, inTransaction: boolean): boolean {
  return inTransaction && !job.callerGid && !job.byHand
}
