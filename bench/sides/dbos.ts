import { DBOS, DBOSClient } from '@dbos-inc/dbos-sdk'
import { Pool } from 'pg'
import { createBusiness, insertBusiness, sku } from '../business.ts'
import { execute, probe } from '../databases/postgres.ts'
import type { Run, Side } from '../side.ts'
import { inParallel } from '../in-parallel.ts'
import { inTransaction } from './in-transaction.ts'

const best = { workerConcurrency: 1_000, minPollingIntervalMs: 10 }
const numbered = { queueName: 'numbered', workflowName: 'numbered', appVersion: '1' }

export const dbos: Side = {
  name: 'dbos',
  about: `DBOS Transact: ${JSON.stringify(best)}`,
  slow: true,
  probe: probe(
    "select count(*) from dbos.workflow_status where status in ('ENQUEUED', 'PENDING', 'DELAYED')",
  ),
  async install(url) {
    await execute(url, createBusiness)
    await launch(url, 2, 1, () => {})
    await DBOS.shutdown()
  },
  async fill(url, jobs) {
    const client = await DBOSClient.create({ systemDatabaseUrl: url, applicationName: 'bench' })
    await inParallel(10, 0, jobs, async (job) => void (await client.enqueue(numbered, job)))
    await client.destroy()
    await execute(url, 'vacuum analyze')
  },
  async open(url, { connections, steps, run }) {
    const pool = new Pool({ connectionString: url, max: connections })
    const client = await DBOSClient.create({ systemDatabaseUrl: url, applicationName: 'bench' })
    if (run) await launch(url, connections, steps, run)
    return {
      enqueue: (job) =>
        inTransaction(pool, async (transaction) => {
          await transaction.query(insertBusiness, [job, sku])
          await client.enqueueInTransaction(transaction, numbered, job)
        }),
      close: async () => {
        if (run) await DBOS.shutdown()
        await client.destroy()
        await pool.end()
      },
    }
  },
}

let current: Run = () => {}
let stepsOf = 1
let registered = false

async function launch(url: string, connections: number, steps: number, run: Run): Promise<void> {
  current = run
  stepsOf = steps
  DBOS.setConfig({
    name: 'bench',
    systemDatabaseUrl: url,
    systemDatabasePoolSize: connections,
    applicationVersion: '1',
    logLevel: 'error',
  })
  if (!registered) DBOS.registerWorkflow(workflow, { name: 'numbered' })
  registered = true
  await DBOS.launch()
  await DBOS.registerQueue('numbered', best)
}

async function workflow(job: number): Promise<void> {
  for (let step = 0; step < stepsOf; step++) {
    await DBOS.runStep(async () => await current(job, step), { name: `step${step}` })
  }
}
