import { sqlJobStore } from '@stepping/self-tm'
import { runChild } from '@stepping/test-support'
import type { Child } from '@stepping/test-support'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { fileDrivers, openMigrated } from './sqlite-drivers.ts'
import type { OpenSqlite, SqliteDriver, TestDatabase } from './sqlite-drivers.ts'

async function openWithJobs(
  driver: SqliteDriver,
  journalMode?: string,
): Promise<OpenSqlite & { database: TestDatabase; jobs: () => Promise<string[]> }> {
  const open = await openMigrated(driver, { lockWaitMs: 3_000 }, journalMode)
  await sqlJobStore(open.database).migrate()
  return {
    ...open,
    /** The texts that stored jobs carry. */
    async jobs() {
      const rows = await open.query(
        `select steps ->> '$[0][1]' as text from stepping_job order by 1`,
      )
      return rows.map((row) => String(row['text']))
    },
  }
}

function place(driver: SqliteDriver, { place: file }: OpenSqlite, env = {}): Child {
  return runChild(new URL('sqlite-child-placer.ts', import.meta.url), {
    env: { DRIVER: driver.kind, FILE: file, ...env },
  })
}

async function lockedBy({ place: file }: OpenSqlite, lock = 'immediate'): Promise<Child> {
  const child = runChild(new URL('sqlite-child-locker.ts', import.meta.url), {
    env: { FILE: file, LOCK: lock },
  })
  await child.line((line) => line === 'locked')
  return child
}

describe.each(fileDrivers)('over $name, with other processes on the file', (driver) => {
  // Over libSQL, processes on a file that is not in WAL hold each other up: its readers keep their locks. The page on
  // databases says so.
  test.each(driver.kind === 'libSQL file' ? ['wal'] : ['wal', 'delete'])(
    'three that write all the time all get their turn, in journal mode %s',
    async (mode) => {
      const open = await openWithJobs(driver, mode)
      const count = 40
      const children = ['a', 'b', 'c'].map((label) =>
        place(driver, open, { LABEL: label, COUNT: `${count}` }),
      )
      const longest = await Promise.all(
        children.map(async (child) => {
          const line = await child.line((each) => each.startsWith('longest '))
          expect((await child.exit).code).toBe(0)
          return Number(line.split(' ')[1])
        }),
      )
      console.log(
        `${driver.name}, ${mode}: the longest transactions took ${longest.map(Math.round).join(', ')} ms`,
      )
      expect(await open.notes()).toHaveLength(3 * count)
      expect(await open.jobs()).toEqual(await open.notes())
      // A process that does not get its turn fails after ten seconds: see its exit code.
    },
    60_000,
  )

  test('a transaction waits for the lock of another process', async () => {
    const open = await openWithJobs(driver)
    const locker = await lockedBy(open)
    const waiting = open.database.transaction(async (tx) => {
      await tx.run(`insert into notes (text) values ('mine')`)
    })
    await delay(100)
    locker.kill('SIGUSR2')
    await waiting
    expect(await open.notes()).toEqual(['by another process', 'mine'])
  })

  test('while it waits, this process goes on', async () => {
    const open = await openWithJobs(driver)
    await lockedBy(open)
    let ended = false
    const waiting = open.database
      .transaction(async () => {})
      .finally(() => (ended = true))
      .catch(() => {})
    const from = performance.now()
    for (let i = 0; i < 10; i++) await delay(10)
    expect(ended).toBe(false)
    expect(performance.now() - from).toBeLessThan(2_000)
    await waiting
  })

  test('it does not wait without end, and says why', async () => {
    const open = await openWithJobs(driver)
    await lockedBy(open)
    const from = performance.now()
    await expect(open.database.transaction(async () => {})).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringContaining(`${open.place} is locked`),
    })
    expect(performance.now() - from).toBeLessThan(6_000)
  })

  test('a question about a job is answered with "not yet", at once', async () => {
    const open = await openWithJobs(driver)
    const identity = await open.database.identity()
    await lockedBy(open)
    const from = performance.now()
    const key = { gid: 'asked', notAfter: Date.now() + 60_000, identity }
    await expect(open.database.barrier.resolve(key)).rejects.toMatchObject({
      code: 'BARRIER_UNDECIDED',
    })
    expect(performance.now() - from).toBeLessThan(2_000)
    expect(await open.query(`select gid from stepping_barrier`)).toEqual([])
  })

  test('what only reads does not wait', async () => {
    const open = await openWithJobs(driver)
    await lockedBy(open)
    expect(await sqlJobStore(open.database).find('unknown')).toBeNull()
  })

  test('a read that met a lock keeps none afterwards, also not of the reads that follow', async () => {
    const open = await openWithJobs(driver, 'delete')
    const store = sqlJobStore(open.database)
    expect(await store.find('unknown')).toBeNull() // What the schema is, is known from now on.
    const locker = await lockedBy(open, 'exclusive')
    await expect(store.find('unknown')).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    locker.kill('SIGUSR2')
    await locker.line((line) => line === 'released')
    expect(await store.find('unknown')).toBeNull()
    await lockedBy(open, 'exclusive')
  }, 20_000)

  test('killed while it commits, a job is there exactly where the row of its transaction is', async () => {
    const open = await openWithJobs(driver)
    const rounds = 8
    let inCommit = 0
    for (let round = 0; round < rounds; round++) {
      const child = place(driver, open, { LABEL: `round ${round}` })
      await child.line((line) => line.startsWith(`placing round ${round} ${5 + round}`))
      await delay(Math.random() * 5)
      child.kill('SIGKILL')
      await child.exit
      if (child.lines.at(-1)!.startsWith('placing ')) inCommit++
      const notes = await open.notes()
      expect(await open.jobs()).toEqual(notes)
      const acknowledged = child.lines.filter((line) => line.startsWith('placed '))
      expect(notes).toEqual(expect.arrayContaining(acknowledged.map((line) => line.slice(7))))
    }
    console.log(
      `${driver.name}: ${inCommit} of ${rounds} were killed between their last statement and the end of COMMIT`,
    )
    expect(await open.query('pragma integrity_check')).toEqual([
      expect.objectContaining({ integrity_check: 'ok' }),
    ])
  }, 90_000)
})
