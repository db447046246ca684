import type { DbContext } from '@stepping/core'
import { memoryJobStore } from '@stepping/self-tm'
import type { Claim, JobStore } from '@stepping/self-tm'
import type { JobStoreHarness } from '@stepping/conformance'
import { overriding } from './overriding.ts'

/** A change of the store in memory for the worse. */
export interface JobStoreFault {
  readonly name: string
  /** The case that has to notice it. */
  readonly rejectedBy: string
  readonly store: (healthy: JobStore) => Partial<JobStore>
}

export function storeHarness({
  name,
  store = () => ({}),
}: Pick<JobStoreFault, 'name'> & Partial<JobStoreFault>): JobStoreHarness {
  return {
    name,
    async open() {
      let now = Date.now()
      const memory = memoryJobStore({ now: () => now })
      const open = new Map<DbContext, (() => Promise<unknown>)[]>()
      const healthy = overriding(memory, {
        async enlist(context, job, lease) {
          open.get(context)!.push(() => memory.submit(job, lease))
          return true
        },
      })
      return {
        store: overriding(healthy, store(healthy)),
        async inTransaction(work) {
          const context = {} as DbContext
          const inserts: (() => Promise<unknown>)[] = []
          open.set(context, inserts)
          await work(context)
          for (const insert of inserts) await insert()
        },
        async pass(ms) {
          now += ms
        },
        async stored(gid) {
          const view = await healthy.find(gid)
          if (!view) return null
          const { state, attempts, lastError, steps } = view
          return { state, attempts, lastError, cursor: steps.filter(({ done }) => done).length }
        },
      }
    },
  }
}

/** The newest claim of each job: what a store without fencing would let anybody write as. */
function remembering(healthy: JobStore): { claims: Map<string, Claim>; claim: JobStore['claim'] } {
  const claims = new Map<string, Claim>()
  return {
    claims,
    async claim(request) {
      const claimed = await healthy.claim(request)
      for (const claim of claimed.claims) claims.set(claim.gid, claim)
      return claimed
    },
  }
}

export const jobStoreFaults: readonly JobStoreFault[] = [
  {
    name: 'no fencing: whoever had the job once may write',
    rejectedBy: 'an old holder cannot write that a step finished',
    store(healthy) {
      const { claims, claim } = remembering(healthy)
      return {
        claim,
        settle: (settlements) =>
          healthy.settle(
            settlements.map((each) => ({
              ...each,
              token: claims.get(each.gid)?.token ?? each.token,
            })),
          ),
      }
    },
  },
  {
    name: 'a claim takes no lease',
    rejectedBy: 'each of 200 jobs goes to one of 8 claimers',
    store: (healthy) => ({ claim: (request) => healthy.claim({ ...request, leaseMs: -1 }) }),
  },
  {
    name: 'the cursor is not compared',
    rejectedBy: 'advanced is refused at another cursor than the row has',
    store: (healthy) => ({
      async settle(settlements) {
        const current = await Promise.all(
          settlements.map(async (each) => {
            const view = await healthy.find(each.gid)
            const cursor = view?.steps.filter(({ done }) => done).length ?? each.cursor
            return { ...each, cursor }
          }),
        )
        return await healthy.settle(current)
      },
    }),
  },
  {
    name: 'whatever was lost is called saved',
    rejectedBy: 'a batch reports for each job by itself',
    store: (healthy) => ({
      async settle(settlements) {
        const results = await healthy.settle(settlements)
        return new Map([...results.keys()].map((gid) => [gid, 'saved' as const]))
      },
    }),
  },
  {
    name: 'what was written already is called lost',
    rejectedBy: 'finished is saved, and changes nothing',
    store(healthy) {
      const written = new Set<string>()
      return {
        async settle(settlements) {
          const results = new Map(await healthy.settle(settlements))
          for (const { gid, token, cursor } of settlements) {
            const id = `${gid}/${token}/${cursor}`
            if (written.has(id)) results.set(gid, 'lost')
            written.add(id)
          }
          return results
        },
      }
    },
  },
  {
    name: 'an old holder prolongs the lease of the new one',
    rejectedBy: 'an old holder does not prolong the lease of the new one',
    store(healthy) {
      const { claims, claim } = remembering(healthy)
      return {
        claim,
        renew: (held, ms) =>
          healthy.renew(
            held.map(({ gid }) => claims.get(gid)!),
            ms,
          ),
      }
    },
  },
  {
    name: 'submit creates what was never prepared',
    rejectedBy: 'submit never creates a job that its database decides about',
    store: (healthy) => ({
      async submit(job, lease) {
        if (job.database && !(await healthy.find(job.gid))) await healthy.prepare(job)
        return await healthy.submit(job, lease)
      },
    }),
  },
  {
    name: 'a done job is forgotten, so that a late copy of its submit starts it again',
    rejectedBy: 'arriving after it finished does not start it again',
    store(healthy) {
      return {
        async submit(job, lease) {
          const found = await healthy.find(job.gid)
          if (found?.state === 'finished') return { started: true, token: 1 }
          return await healthy.submit(job, lease)
        },
      }
    },
  },
  {
    name: 'other content under the same gid is taken for a repeat',
    rejectedBy: 'with other steps under its gid is a conflict',
    store: (healthy) => ({
      submit: async (job, lease) =>
        await healthy.submit(job, lease).catch(() => ({ started: false })),
    }),
  },
  {
    name: 'a prepare that comes too late is taken',
    rejectedBy: 'a prepare that arrives too late is refused',
    store: (healthy) => ({
      prepare: (job) => healthy.prepare({ ...job, notAfter: Date.now() + 86_400_000 }),
    }),
  },
  {
    name: 'jobs are handed out to those who do not know the next step',
    rejectedBy: 'a job is handed out only to those that know its next step',
    store: (healthy) => ({
      claim: (request) => healthy.claim({ ...request, stepNames: ['A', 'B', 'C', 'Unheard'] }),
    }),
  },
  {
    name: 'the youngest jobs go first',
    rejectedBy: 'those that are due longest go first',
    store: (healthy) => ({
      async claim(request) {
        const all = await healthy.claim({ ...request, limit: 1_000 })
        const mine = all.claims.toReversed().slice(0, request.limit)
        const others = all.claims.filter((claim) => !mine.includes(claim))
        await healthy.settle(
          others.map(({ gid, token, cursor }) => ({ gid, token, cursor, to: 'returned', inMs: 0 })),
        )
        return { ...all, claims: mine }
      },
    }),
  },
  {
    name: 'retry takes the lease away',
    rejectedBy: 'does not touch a lease',
    store(healthy) {
      const { claims, claim } = remembering(healthy)
      return {
        claim,
        async retry(gid) {
          const held = claims.get(gid)
          if (held) await healthy.settle([{ ...held, to: 'returned', inMs: 0 }])
          return await healthy.retry(gid)
        },
      }
    },
  },
  {
    name: 'retry is forgotten where the lease has run out',
    rejectedBy: 'outlives the failure of an attempt whose lease had run out (parked)',
    store: (healthy) => ({
      async retry(gid) {
        const view = await healthy.find(gid)
        return view?.running === false || (await healthy.retry(gid))
      },
    }),
  },
  {
    name: 'a person ends a job under the hands of its holder',
    rejectedBy: 'leaves a job alone that somebody holds',
    store(healthy) {
      const { claims, claim } = remembering(healthy)
      return {
        claim,
        async end(seen, as) {
          const held = claims.get(seen.gid)
          if (held) await healthy.settle([{ ...held, to: 'returned', inMs: 0 }])
          return await healthy.end(seen, as)
        },
      }
    },
  },
  {
    name: 'every row that a transaction inserts has the same token',
    rejectedBy: 'a lease of a transaction that rolled back does not fit the row of the next one',
    store: (healthy) => ({
      enlist: (context, job, lease) =>
        healthy.enlist(context, job, lease && { ...lease, token: 41 }),
    }),
  },
  {
    name: 'what is over is deleted at once',
    rejectedBy: 'keeps what is over until no message about it can arrive any more',
    store: () => ({ prune: async () => 1 }),
  },
  {
    name: 'a list shows the jobs of every app',
    rejectedBy: 'shows no job of another app that stands between',
    store: (healthy) => ({
      async list({ app, ...page }) {
        const all = [
          ...(await healthy.list({ app, ...page })),
          ...(await healthy.list({ app: 'market', ...page })),
        ]
        return all.toSorted((a, b) => (a.gid < b.gid ? -1 : 1)).slice(0, page.limit)
      },
    }),
  },
  {
    name: 'the pages of a list overlap',
    rejectedBy: 'goes on after the last gid of the page before, in the order of the characters',
    store: (healthy) => ({
      async list({ after, ...page }) {
        const last = after === '' ? null : await healthy.find(after)
        const rest = await healthy.list({ after, ...page })
        return (last ? [last, ...rest] : rest).slice(0, page.limit)
      },
    }),
  },
]
