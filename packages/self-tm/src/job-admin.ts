import { SteppingError } from '@stepping/core'
import type { Health, JobAdmin, JobView, Participant } from '@stepping/core'
import { isOver } from './job-state.ts'
import type { JobStore } from './store/job-store.ts'
import type { Worker } from './worker.ts'

const pruneBatch = 500

/** What the self-TM has once it is started. */
export interface Running {
  readonly participant: Participant | undefined
  readonly worker: Worker | undefined
  wake(): void
}

export function jobAdmin(store: JobStore, running: () => Running): JobAdmin {
  async function seen(gid: string): Promise<JobView> {
    const view = await store.find(gid)
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
    find: async (gid) => await store.find(gid),

    async retry(gid) {
      if (!(await store.retry(gid))) {
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
      const own = store.database ? [store.database] : []
      const databases = running().participant?.databases ?? own
      let deleted = 0
      for (const database of databases) {
        deleted += await database.prune({
          stillPrepared: async (gids) => await store.stillPrepared(gids),
          stillActive: async (gids) => await store.stillActive(gids),
        })
      }
      for (let batch = pruneBatch; batch >= pruneBatch;) {
        batch = await store.prune(pruneBatch)
        deleted += batch
      }
      return deleted
    },

    async health() {
      const { worker, participant } = running()
      const state = worker?.health
      const overview = participant
        ? await store.overview(participant.app).catch((error: unknown) => {
            state?.store.failed(error)
            return null
          })
        : null
      return {
        ok: overview !== null && (state?.store.error ?? null) === null,
        running: state?.running ?? 0,
        lastPollAgeMs: state?.store.answeredAgoMs ?? null,
        error: state?.store.error ?? (participant ? null : 'not started'),
        jobs: overview,
        unknownSteps: state?.unknownSteps ?? [],
      } satisfies Health
    },
  }
}

async function askAbout(
  store: JobStore,
  { participant }: Running,
  gid: string,
): Promise<'committed' | 'rolledBack'> {
  if (!participant) {
    throw new SteppingError(
      'NOT_SUPPORTED',
      `Job ${gid} is prepared: to cancel it its database has to be asked, which takes a started app. Call stepping.start() first.`,
      { gid },
    )
  }
  const database = await store.databaseOf(gid)
  return await participant.queryPrepared({ gid, ...(database && { database }) })
}
