import { Logger, run as runWorker, runMigrations } from 'graphile-worker'
import { Pool } from 'pg'
import { createBusiness, insertBusiness, sku } from '../business.ts'
import { execute, probe } from '../databases/postgres.ts'
import type { Run, Side } from '../side.ts'
import { inTransaction } from './in-transaction.ts'

const silent = new Logger(() => () => {})
const best = {
  concurrentJobs: 24,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
}

/** Added by one transaction. */
const atOnce = 500

const addJob = "select graphile_worker.add_job('numbered', $1::json)"

export const graphileWorker: Side = {
  name: 'graphile-worker',
  about: `graphile-worker: ${JSON.stringify(best)}; a job's next step is a job that its handler adds`,
  probe: probe('select count(*) from graphile_worker._private_jobs where attempts < max_attempts'),
  async install(url) {
    await execute(url, createBusiness)
    await runMigrations({ connectionString: url, logger: silent })
  },
  // In parts: in one transaction each job takes longer to add than the one before.
  fill: (url, jobs) =>
    execute(
      url,
      ...Array.from({ length: Math.ceil(jobs / atOnce) }, (_, part) => {
        const last = Math.min((part + 1) * atOnce, jobs) - 1
        return `select count(graphile_worker.add_job('numbered', json_build_object('job', n, 'step', 0)))
          from generate_series(${part * atOnce}, ${last}) n`
      }),
      'vacuum analyze',
    ),
  clear: (url) => execute(url, 'truncate graphile_worker._private_jobs'),
  park: (url) =>
    execute(
      url,
      'update graphile_worker._private_jobs set attempts = max_attempts',
      'vacuum analyze graphile_worker._private_jobs',
    ),
  async open(url, { connections, steps, run, concurrency }) {
    const pool = new Pool({ connectionString: url, max: connections })
    const runner = run && (await work(url, connections, steps, run, concurrency))
    return {
      enqueue: (job) =>
        inTransaction(pool, async (client) => {
          await client.query(insertBusiness, [job, sku])
          await client.query(addJob, [JSON.stringify({ job, step: 0 })])
        }),
      close: async () => {
        await runner?.stop()
        await pool.end()
      },
    }
  },
}

function work(
  connectionString: string,
  maxPoolSize: number,
  steps: number,
  run: Run,
  concurrentJobs = best.concurrentJobs,
) {
  return runWorker({
    connectionString,
    logger: silent,
    noHandleSignals: true,
    preset: { worker: { ...best, concurrentJobs, maxPoolSize } },
    taskList: {
      async numbered(payload, { addJob: addNext }) {
        const { job, step } = payload as { job: number; step: number }
        await run(job, step)
        if (step + 1 < steps) await addNext('numbered', { job, step: step + 1 })
      },
    },
  })
}
