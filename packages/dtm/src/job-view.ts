import { httpStep } from '@stepping/core'
import type { JobState, JobView } from '@stepping/core'
import type { StepState } from './attempts.ts'
import type { DtmBranch, DtmTransaction } from './dtm-api.ts'
import { grpcStepName } from './direct-step.ts'
import type { PreparedReference } from './prepared-reference.ts'
import { stepMessageIn } from './stored-message.ts'

/** A job of ours as DTM has it. */
export interface StoredJob {
  readonly transaction: DtmTransaction
  readonly branches: readonly DtmBranch[]
  readonly reference: PreparedReference
  /** DTM's clock. */
  readonly now: number
}

/** The position of the step that is next; past the last one when all are done. */
export function cursorOf({ branches }: StoredJob): number {
  const next = branches.findIndex(({ status }) => status !== 'succeed')
  return next === -1 ? branches.length : next
}

/** DTM keeps neither errors nor attempts: what this process knows of its own attempts is all there is. */
export function viewOf(job: StoredJob, state: JobState, local: StepState | undefined): JobView {
  const { transaction, branches, reference } = job
  const { create_time: created, finish_time: finished, rollback_time: rolledBack } = transaction
  const over = finished ?? rolledBack
  return {
    gid: reference.gid,
    app: reference.app,
    state: state === 'submitted' && local?.isParked ? 'parked' : state,
    steps: branches.map((branch) => ({ name: nameOf(branch), done: branch.status === 'succeed' })),
    attempts: local?.failures ?? 0,
    lastError: local?.lastError ?? null,
    running: local?.isRunning ?? false,
    dueAt: new Date(transaction.next_cron_time ?? created ?? 0),
    createdAt: new Date(created ?? 0),
    finishedAt: over === undefined ? null : new Date(over),
  }
}

/** A step that DTM calls directly has no message of ours. */
function nameOf(branch: DtmBranch): string {
  const direct = /^https?:/.test(branch.url) ? httpStep.name : grpcStepName
  return stepMessageIn(branch)?.step ?? direct
}
