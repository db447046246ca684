import { cannotBeAsked, describeError, onceOwner, SteppingError } from '@stepping/core'
import type { Health, JobAdmin, JobState, JobView, Participant } from '@stepping/core'
import type { Attempts } from './attempts.ts'
import { messageIn } from './dtm-api.ts'
import type { DtmApi } from './dtm-api.ts'
import { dtmGid } from './dtm-gid.ts'
import { cursorOf, viewOf } from './job-view.ts'
import type { StoredJob } from './job-view.ts'
import type { DtmSettings } from './options.ts'
import type { Orders } from './orders.ts'
import type { PreparedReference } from './prepared-reference.ts'
import { referenceIn } from './stored-message.ts'
import { wakeUp } from './wake-up.ts'

/** What the transaction manager has once it is started. */
export interface Running {
  readonly participant: Participant | undefined
  readonly attempts: Attempts | undefined
  readonly closed: boolean
  readonly unknownSteps: ReadonlySet<string>
}

/** Questions to DTM at once when rows are cleaned. */
const pruneConcurrency = 8

export function jobAdmin(
  api: DtmApi,
  orders: Orders,
  { ledger, callers }: Pick<DtmSettings, 'ledger' | 'callers'>,
  running: () => Running,
): JobAdmin {
  async function stored(gid: string): Promise<StoredJob | undefined> {
    const { transaction, branches, now } = await api.query(dtmGid(gid))
    const reference = transaction ? referenceIn(transaction) : undefined
    // What another client of this DTM server has under that gid is none of our business, nor is what
    // another app has.
    if (!transaction || reference?.gid !== gid) return undefined
    const { participant } = running()
    if (participant && reference.app !== participant.app) return undefined
    return { transaction, branches, reference, now }
  }

  async function open(gid: string): Promise<StoredJob> {
    const job = await stored(gid)
    if (!job) {
      throw new SteppingError('JOB_UNKNOWN', `DTM has no job of ours with the gid ${gid}.`, { gid })
    }
    const { status } = job.transaction
    if (status === 'prepared' || status === 'submitted') return job
    throw new SteppingError('JOB_STATE', `Job ${gid} is over: DTM has it as ${status}.`, { gid })
  }

  return {
    async find(gid): Promise<JobView | null> {
      const job = await stored(gid)
      if (!job) return null
      const local = running().attempts?.state(gid, cursorOf(job))
      return viewOf(job, await stateOf(job, running()), local)
    },

    async retry(gid) {
      const job = await open(gid)
      running().attempts?.wake(gid, cursorOf(job))
      await wakeUp(api, job.transaction, job.now)
    },

    async cancel(gid) {
      const job = await open(gid)
      const { participant, attempts } = running()
      if (attempts?.state(gid, cursorOf(job))?.isRunning) {
        throw new SteppingError(
          'JOB_RUNNING',
          `Job ${gid} is at step ${cursorOf(job) + 1} and an attempt of it runs. Cancel it when that has ended.`,
          { gid },
        )
      }
      // Only the barrier's answer leads out of prepared.
      const outcome =
        job.transaction.status === 'prepared'
          ? await askAbout(started(participant), job.reference)
          : 'committed'
      const call = outcome === 'committed' ? 'forceStop' : 'abort'
      const body = JSON.stringify({ gid: dtmGid(gid), trans_type: 'msg' })
      const answer = await api.post(call, body)
      if (answer.status === 200) return
      await open(gid) // It ended, or went on, meanwhile.
      throw new SteppingError('TM_REFUSED', `DTM did not end job ${gid} (${messageIn(answer)}).`, {
        gid,
      })
    },

    async prune() {
      const { databases, owner } = started(running().participant)
      const owners = [owner, ...[...callers.keys()].map((caller) => onceOwner(owner, caller))]
      let deleted = 0
      for (const database of new Set([...databases, ...(ledger ? [ledger] : [])])) {
        deleted += await database.prune({
          owners,
          over: (gids) => thoseWith(gids, ['succeed', 'failed']),
          active: (gids) => thoseWith(gids, ['prepared', 'submitted']),
        })
      }
      return deleted
    },

    async health(): Promise<Health> {
      const { participant, attempts, closed, unknownSteps } = running()
      let error = closed ? 'closed' : participant ? null : 'not started'
      try {
        if (error === null) {
          await api.version()
          await orders.reach()
        }
      } catch (thrown) {
        error = describeError(thrown)
      }
      return {
        ok: error === null,
        running: attempts?.running ?? 0,
        lastPollAgeMs: api.answeredAgoMs,
        error,
        // DTM would have to be asked for every transaction that it ever had.
        jobs: null,
        unknownSteps: [...unknownSteps],
      }
    },
  }

  async function thoseWith(
    gids: readonly string[],
    statuses: readonly string[],
  ): Promise<ReadonlySet<string>> {
    const found = new Set<string>()
    const rest = [...gids]
    const ask = async (): Promise<void> => {
      for (let gid = rest.pop(); gid !== undefined; gid = rest.pop()) {
        // Also of jobs that are not ours: those of other languages call our steps, too.
        // What is closing does not wait for all rows to be looked at.
        if (running().closed)
          throw new SteppingError('CLOSED', 'The app is closing: the rows are cleaned later.')
        const { transaction } = await api.query(dtmGid(gid))
        if (transaction && statuses.includes(transaction.status)) found.add(gid)
      }
    }
    await Promise.all(Array.from({ length: pruneConcurrency }, ask))
    return found
  }
}

async function askAbout(
  participant: Participant,
  reference: PreparedReference,
): Promise<'committed' | 'rolledBack'> {
  try {
    return await participant.queryPrepared(reference)
  } catch (error) {
    throw cannotBeAsked(reference.gid, reference.database, error)
  }
}

/** DTM has one word for what was rolled back and what was stopped. */
async function stateOf(job: StoredJob, { participant }: Running): Promise<JobState> {
  const { transaction, branches, reference } = job
  switch (transaction.status) {
    case 'prepared':
    case 'submitted':
      return transaction.status
    case 'succeed':
      return 'finished'
    case 'failed':
    case 'aborting':
      if (!reference.database || branches.some(({ status }) => status === 'succeed')) {
        return 'cancelled'
      }
  }
  try {
    // Asking decides, but DTM has dropped the job already: it could only be lost otherwise.
    const outcome = await participant?.queryPrepared(reference)
    return outcome === 'committed' ? 'cancelled' : 'rolledBack'
  } catch {
    return 'rolledBack'
  }
}

/** Databases are reached through the app, which has to be started. */
function started(participant: Participant | undefined): Participant {
  if (participant) return participant
  throw new SteppingError(
    'NOT_SUPPORTED',
    'This asks the databases of the app, which is not started: call stepping.start() first (with execute: false if it is not to run jobs).',
  )
}
