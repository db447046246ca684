import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pg } from '@stepping/adapter-pg'
import { createStepping, defineStep, unchecked } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { freshDatabase, runChild } from '@stepping/test-support'
import { expect, inject, onTestFinished, test, vi } from 'vitest'
import { openPool } from './open-pool.ts'

const jobs = 5_000

test('jobs that waited for a slot in a process that was killed run once, in the next one', async () => {
  const database = await freshDatabase(inject('postgresUrl'), 'ahead')
  const pool = openPool(database.url)
  const folder = await mkdtemp(join(tmpdir(), 'stepping-ahead-'))
  onTestFinished(async () => {
    await pool.end()
    await database.drop()
    await rm(folder, { recursive: true })
  })
  await addJobs(pool)
  const runsFile = join(folder, 'runs')
  const run = (die: string) =>
    runChild(new URL('./quick-app.ts', import.meta.url), {
      env: {
        DATABASE_URL: database.url,
        RUNS: runsFile,
        PGAPPNAME: 'quick',
        ...(die && { DIE: die }),
      },
    })
  const connected = async (): Promise<number> =>
    (await pool.query(`select from pg_stat_activity where application_name = 'quick'`)).rowCount!
  const left = async () =>
    (
      await pool.query<{ n: number; held: boolean }>(
        `select (steps::json -> 0 -> 1 ->> 'n')::int as n, lease_until is not null as held
         from stepping.job where state = 'submitted'`,
      )
    ).rows

  const { signal } = await run('yes').exit
  expect(signal).toBe('SIGKILL')
  // The server may still be at what it was sent.
  await vi.waitFor(async () => expect(await connected()).toBe(0), { timeout: 10_000 })
  const unsaved = await left()
  const first = await runsIn(runsFile)
  run('')
  await vi.waitFor(async () => expect(await left()).toEqual([]), { timeout: 60_000, interval: 50 })

  // Those that were saved run no more; all others do, also those that waited.
  const next = (await runsIn(runsFile)).slice(first.length)
  expect(numbersOf(next)).toEqual(numbersOf(unsaved))
  const begun = new Set(first.map(({ n }) => n))
  expect(begun.size).toBe(first.length)
  const waited = new Set(unsaved.filter(({ n, held }) => held && !begun.has(n)).map(({ n }) => n))
  const attempts = next.filter(({ n }) => waited.has(n)).map(({ attempt }) => attempt)
  expect(new Set(attempts)).toEqual(new Set([2]))
}, 120_000)

async function runsIn(file: string): Promise<{ n: number; attempt: number }[]> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
  return lines.map((line) => {
    const [n, attempt] = line.split(' ').map(Number) as [number, number]
    return { n, attempt }
  })
}

function numbersOf(rows: readonly { readonly n: number }[]): number[] {
  return rows.map(({ n }) => n).toSorted((a, b) => a - b)
}

async function addJobs(pool: ReturnType<typeof openPool>): Promise<void> {
  const database = pg(pool, { name: 'shop' })
  const quick = defineStep({ name: 'Quick', args: unchecked<{ n: number }>(), async run() {} })
  await using stepping = createStepping({
    app: 'shop',
    tm: selfTm({ database }),
    databases: [database],
    steps: [quick],
    execute: false,
  })
  await stepping.migrate()
  let n = 0
  // With all of them at once the last would wait for a connection for longer than a submit may.
  const add = async (): Promise<void> => {
    while (n < jobs) await stepping.createJob().addStep(quick, { n: n++ }).start()
  }
  await Promise.all(Array.from({ length: 20 }, add))
}
