import { PgBoss } from 'pg-boss'
import { Pool } from 'pg'
import { createBusiness, insertBusiness, sku } from '../business.ts'
import { execute, probe } from '../databases/postgres.ts'
import type { Run, Side } from '../side.ts'
import { inTransaction } from './in-transaction.ts'

interface Numbered {
  readonly job: number
  readonly step: number
}

const oneStep = {
  batchSize: 2_000,
  localConcurrency: 4,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
} as const
const manySteps = { ...oneStep, batchSize: 100, localConcurrency: 3, transactional: true } as const

export const pgBoss: Side = pgBossSide('pg-boss', false)

/** Woken by the database, which costs each transaction that adds a job a notification. */
export const pgBossNotify: Side = pgBossSide('pg-boss-notify', true)

function pgBossSide(name: string, notify: boolean): Side {
  const boss = (connectionString: string, max: number): PgBoss =>
    new PgBoss({
      connectionString,
      max,
      supervise: false,
      schedule: false,
      useListenNotify: notify,
    })
  return {
    name,
    about: `pg-boss${notify ? ' with notify' : ''}: ${JSON.stringify(oneStep)}; several steps: ${JSON.stringify(manySteps)}, a job's next step is a job that is sent in its completion's transaction`,
    probe: probe("select count(*) from pgboss.job where name = 'numbered' and state < 'completed'"),
    async install(url) {
      await execute(url, createBusiness)
      const installing = boss(url, 2)
      await installing.start()
      await installing.createQueue('numbered', { notify })
      await installing.stop()
    },
    async fill(url, jobs) {
      const filling = boss(url, 2)
      await filling.start()
      for (let from = 0; from < jobs; from += 5_000) {
        const some = Array.from({ length: Math.min(5_000, jobs - from) }, (_, n) => from + n)
        await filling.insert(
          'numbered',
          some.map((job) => ({ data: { job, step: 0 } })),
        )
      }
      await filling.stop()
      await execute(url, 'vacuum analyze')
    },
    async open(url, { connections, steps, run }) {
      const pool = new Pool({ connectionString: url, max: connections })
      const opened = boss(url, connections)
      opened.on('error', (error) => console.error(error))
      await opened.start()
      if (run) await work(opened, steps, run)
      return {
        enqueue: (job) =>
          inTransaction(pool, async (client) => {
            await client.query(insertBusiness, [job, sku])
            const db = {
              executeSql: (text: string, values?: unknown[]) => client.query(text, values),
            }
            await opened.send('numbered', { job, step: 0 }, { db })
          }),
        close: async () => {
          await opened.stop()
          await pool.end()
        },
      }
    },
  }
}

async function work(boss: PgBoss, steps: number, run: Run): Promise<void> {
  if (steps === 1) {
    await boss.work<Numbered>('numbered', oneStep, async (jobs) => {
      for (const { data } of jobs) await run(data.job, data.step)
    })
    return
  }
  await boss.work<Numbered, unknown, typeof manySteps>('numbered', manySteps, async (jobs, db) => {
    for (const { data } of jobs) await run(data.job, data.step)
    const next = jobs.filter(({ data }) => data.step + 1 < steps)
    if (next.length === 0) return
    const data = next.map((each) => ({ data: { job: each.data.job, step: each.data.step + 1 } }))
    await boss.insert('numbered', data, { db })
  })
}
