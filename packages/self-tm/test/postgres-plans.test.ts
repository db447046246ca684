import { sqlJobStore } from '@stepping/self-tm'
import type { JobStore } from '@stepping/self-tm'
import { sql } from '@stepping/sql'
import type { AnySqlDatabase } from '@stepping/sql'
import { expect, test } from 'vitest'
import { ending, leaseMs, request } from '../../conformance/src/index.ts'
import { jobOf } from './jobs.ts'
import { usePostgres } from './postgres-store.ts'
import type { PostgresStore } from './postgres-store.ts'
import { replacing } from './replacing.ts'

const { open } = usePostgres()

const jobs = 2_000

interface PlanNode {
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Join Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

/** Rows of tables that were read, and pairs of rows that were compared in vain. */
function touched(node: PlanNode): number {
  const loops = node['Actual Loops']
  const read = node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)
  const compared = (node['Rows Removed by Join Filter'] ?? 0) * loops
  const below = (node.Plans ?? []).map(touched)
  return below.reduce((a, b) => a + b, compared + (node['Relation Name'] ? read * loops : 0))
}

/** The store on a database that carries statements out, but answers how it did. */
function explaining({ database }: PostgresStore): { store: JobStore; rows: () => number } {
  const plans: PlanNode[] = []
  const run: AnySqlDatabase['run'] = async (statement) => {
    const { rows } = await database.run(sql`explain (analyze, format json) ${statement}`)
    const plan = rows[0]!['QUERY PLAN'] as string | readonly { Plan: PlanNode }[]
    plans.push((typeof plan === 'string' ? JSON.parse(plan) : plan)[0].Plan)
    return { rows: [], affected: 0 }
  }
  const store = sqlJobStore(replacing<AnySqlDatabase>(database, { run }))
  return { store, rows: () => touched(plans[0]!) }
}

/** Jobs that were waiting when their table was analysed, and have leases now. */
async function claimAll(opened: PostgresStore) {
  const { store, query } = opened
  await store.submit(jobOf(['A', 'B'], { gid: 'job-0' }))
  await query(
    `insert into $job (gid, app, state, steps, next_step, keep, due_at)
     select 'job-' || n, app, state, steps, next_step, false, due_at from $job, generate_series(1, $1::int) n`,
    [jobs - 1],
  )
  await query('vacuum analyze $job')
  const { claims } = await store.claim(request({ limit: jobs }))
  expect(claims).toHaveLength(jobs)
  return claims
}

test('endings look up each row, also where statistics say that no job has a lease', async () => {
  const opened = await open()
  const claims = await claimAll(opened)
  const { store, rows } = explaining(opened)
  await store.settle(
    claims.map((claim) => ending(claim, { to: 'advanced', nextStep: 'B', leaseMs })),
  )
  expect(rows()).toBeLessThanOrEqual(3 * jobs)
})

test('a heartbeat looks up each row, also where statistics say that no job has a lease', async () => {
  const opened = await open()
  const claims = await claimAll(opened)
  const { store, rows } = explaining(opened)
  await store.renew(claims, leaseMs)
  expect(rows()).toBeLessThanOrEqual(3 * jobs)
})
