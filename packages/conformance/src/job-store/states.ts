import type { JobRecord, JobState } from '@stepping/core'
import { describe, expect, test } from 'vitest'
import { claimedGids, claimOne, settle } from './claims.ts'
import type { JobStoreHarness, OpenStore } from './harness.ts'
import { tiedJobOf } from './jobs.ts'

/** How a job whose database decides about it gets into each state. */
const paths: Record<JobState, (opened: OpenStore, job: JobRecord) => Promise<void>> = {
  async prepared() {},
  async submitted({ store }, job) {
    await store.submit(job)
  },
  async parked({ store }, job) {
    await store.submit(job)
    await settle(store, await claimOne(store), { to: 'parked', error: 'out of paper' })
  },
  async finished({ store }, job) {
    await store.submit(job)
    await settle(store, await claimOne(store), { to: 'finished' })
  },
  async rolledBack({ store }, job) {
    await store.end((await store.find(job.gid))!, 'rolledBack')
  },
  async cancelled({ store }, job) {
    await store.submit(job)
    await store.end((await store.find(job.gid))!, 'cancelled')
  },
}

/** What a message or a person does to a job; the answer, or the code of the error. */
const actions: Record<string, (opened: OpenStore, job: JobRecord) => Promise<unknown>> = {
  prepare: async ({ store }, job) => await store.prepare(job),
  submit: async ({ store }, job) => (await store.submit(job)).started,
  retry: async ({ store }, job) => await store.retry(job.gid),
}

/** The answer, and the state it is then in. */
type Expected = readonly [answer: unknown, state: JobState]

const moves: Record<JobState, Record<keyof typeof actions, Expected>> = {
  prepared: {
    prepare: [undefined, 'prepared'],
    submit: [true, 'submitted'],
    retry: [true, 'prepared'],
  },
  submitted: {
    prepare: ['JOB_DUPLICATE', 'submitted'],
    submit: [false, 'submitted'],
    retry: [true, 'submitted'],
  },
  parked: {
    prepare: ['JOB_DUPLICATE', 'parked'],
    submit: [false, 'parked'],
    retry: [true, 'submitted'],
  },
  finished: {
    prepare: ['JOB_DUPLICATE', 'finished'],
    submit: [false, 'finished'],
    retry: [false, 'finished'],
  },
  rolledBack: {
    prepare: ['BARRIER_DECIDED', 'rolledBack'],
    submit: ['TRANSACTION_ROLLED_BACK', 'rolledBack'],
    retry: [false, 'rolledBack'],
  },
  cancelled: {
    prepare: ['JOB_DUPLICATE', 'cancelled'],
    submit: [false, 'cancelled'],
    retry: [false, 'cancelled'],
  },
}

/** Messages that come late and people who come too late find a job in any state. */
export function describeStates({ open }: JobStoreHarness): void {
  describe.each(Object.keys(paths) as JobState[])('a job that is %s', (from) => {
    async function openWith(): Promise<{ opened: OpenStore; job: JobRecord }> {
      const opened = await open()
      const job = tiedJobOf(['A'])
      await opened.store.prepare(job)
      await paths[from](opened, job)
      expect(await opened.stored(job.gid)).toMatchObject({ state: from })
      return { opened, job }
    }

    test.each(Object.keys(actions))('makes no other move at %s than it may', async (action) => {
      const { opened, job } = await openWith()
      const [answer, state] = moves[from][action]!
      const answered = await actions[action]!(opened, job).catch(
        (error: { code?: unknown }) => error.code,
      )
      expect(answered).toEqual(answer)
      expect(await opened.stored(job.gid)).toMatchObject({ state })
    })

    test('is handed out exactly if there is something to do', async () => {
      const { opened, job } = await openWith()
      await opened.pass(60_000)
      const due = ['prepared', 'submitted'].includes(from)
      expect(await claimedGids(opened.store)).toEqual(due ? [job.gid] : [])
    })
  })
}
