import { cannotBeAsked, describeError, isSteppingError, SteppingError } from '@stepping/core'
import type { Health, JobAdmin, JobView, Participant } from '@stepping/core'
import { isOver } from './job-state.ts'
import type { JobStore } from './store/job-store.ts'
import type { Worker } from './worker.ts'

const pruneBatch = 500

/** What the self-TM has once it is started. */
export interface Running {
  readonly participant: Participant | undefined
  readonly worker: Worker | undefined
  /** Closing, or closed. */
  readonly closed: boolean
  wake(): void
}

export function jobAdmin(store: JobStore, running: () => Running): JobAdmin {
  /** Without its tables a store rejects with its driver's words for that. */
  async function asked<R>(work: () => Promise<R>): Promise<R> {
    try {
      return await work()
    } catch (error) {
      if (!isSteppingError(error)) await store.assertReady()
      throw error
    }
  }

  async function seen(gid: string): Promise<JobView> {
    const view = await asked(() => store.find(gid))
    if (!view)
      throw new SteppingError(
        'JOB_UNKNOWN',
        `No job has the gid ${gid}, or its row was deleted after it finished.`,
        { gid },
      )
    if (!isOver(view.state)) return view
    throw new SteppingError('JOB_STATE', `Job ${gid} is ${view.state} already.`, { gid })
  }

  return {
    find: async (gid) => await asked(() => store.find(gid)),

    list: async (request) => await asked(() => store.list(request)),

    async retry(gid) {
      if (!(await asked(() => store.retry(gid)))) {
        await seen(gid)
        // It was over, or unknown, when it was written, and is not when it is read: once more.
        return await this.retry(gid)
      }
      running().wake()
    },

    async cancel(gid) {
      const view = await seen(gid)
      const outcome =
        view.state === 'prepared' ? await askAbout(store, running(), gid) : 'committed'
      if (await store.end(view, outcome === 'committed' ? 'cancelled' : 'rolledBack')) return
      const now = await seen(gid)
      throw new SteppingError(
        'JOB_RUNNING',
        `Job ${gid} is at step ${now.steps.filter((step) => step.done).length + 1} and an attempt of it runs. Cancel it when that has ended.`,
        { gid },
      )
    },

    async prune() {
      const { databases, owner } = started(running())
      let deleted = 0
      const failures: unknown[] = []
      // Before the jobs' own rows, which tell that these may go. One that is gone for good, as that
      // of a former tenant, must not keep the rows of all others.
      for (const database of databases) {
        try {
          deleted += await database.prune({
            owners: [owner],
            over: async (gids) => await store.over(gids),
            active: async (gids) => await store.active(gids),
          })
        } catch (error) {
          failures.push(error)
        }
      }
      for (let batch = pruneBatch; batch >= pruneBatch;) {
        batch = await store.prune(pruneBatch)
        deleted += batch
      }
      if (failures.length > 0) throw failures[0]
      return deleted
    },

    async health() {
      const { worker, participant, closed } = running()
      const state = worker?.health
      let unanswered: string | null = null
      let jobs: Health['jobs'] = null
      if (participant && !closed) {
        try {
          jobs = await store.overview(participant.app)
        } catch (error) {
          unanswered = describeError(error)
        }
      }
      const stopped = closed ? 'closed' : participant ? null : 'not started'
      const error = stopped ?? unanswered ?? state?.store.error ?? null
      return {
        ok: error === null,
        running: state?.running ?? 0,
        lastPollAgeMs: roundedMs(state?.store.answeredAgoMs),
        error,
        jobs,
        unknownSteps: state?.unknownSteps ?? [],
      } satisfies Health
    },
  }
}

async function askAbout(
  store: JobStore,
  running: Running,
  gid: string,
): Promise<'committed' | 'rolledBack'> {
  const participant = started(running)
  const database = await store.databaseOf(gid)
  try {
    return await participant.queryPrepared({ gid, ...(database && { database }) })
  } catch (error) {
    throw cannotBeAsked(gid, database ?? undefined, error)
  }
}

/** Other databases than the store's are reached through the app, which has to be started. */
function started({ participant }: Running): Participant {
  if (participant) return participant
  throw new SteppingError(
    'NOT_SUPPORTED',
    'This asks the databases of the app, which is not started: call stepping.start() first (with execute: false if it is not to run jobs).',
  )
}

function roundedMs(ms: number | null | undefined): number | null {
  return ms === null || ms === undefined ? null : Math.round(ms)
}
