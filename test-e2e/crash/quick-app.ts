import { appendFileSync } from 'node:fs'
import { pg } from '@stepping/adapter-pg'
import { createStepping, defineStep, unchecked } from '@stepping/core'
import { selfTm, sqlJobStore } from '@stepping/self-tm'
import type { JobStore } from '@stepping/self-tm'
import { replacing } from '../replacing.ts'
import { openPool } from './open-pool.ts'

/** Steps that are over soon, many at once; it dies while more jobs are claimed than it has slots for. */
export interface QuickEnvironment {
  DATABASE_URL: string
  /** A line for each run, with its job and attempt; what was written to a file outlives a SIGKILL. */
  RUNS: string
  DIE?: string
}

const concurrency = 50
const stepMs = 5

const env = process.env as unknown as QuickEnvironment
let claimed = 0
let begun = 0

const quick = defineStep({
  name: 'Quick',
  args: unchecked<{ n: number }>(),
  async run({ args, attempt }) {
    begun++
    appendFileSync(env.RUNS, `${args.n} ${attempt}\n`)
    await new Promise((resolve) => setTimeout(resolve, stepMs))
  },
})

const database = pg(openPool(env.DATABASE_URL), { name: 'shop' })
const store = sqlJobStore(database)

async function claim(request: Parameters<JobStore['claim']>[0]): ReturnType<JobStore['claim']> {
  const answer = await store.claim(request)
  claimed += answer.claims.length
  // By then whoever has a slot has begun.
  setTimeout(dieIfSomeWait, 1)
  return answer
}

function dieIfSomeWait(): void {
  if (!env.DIE || claimed === begun) return
  process.kill(process.pid, 'SIGKILL')
}

const stepping = createStepping({
  app: 'shop',
  tm: selfTm({
    store: replacing(store, { claim }),
    concurrency,
    leaseMs: 4_000,
    pollMs: 200,
  }),
  databases: [database],
  steps: [quick],
})
await stepping.start()
