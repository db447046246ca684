import { mongoJobStore } from '@stepping/self-tm'
import { describe, expect, test } from 'vitest'
import type { Execute } from '../../adapter-mongo/src/index.ts'
import { claimNew, ending, jobOf, leaseMs, request, settle } from '../../conformance/src/index.ts'
import { useMongo } from './mongo-store.ts'
import type { MongoStore } from './mongo-store.ts'
import { replacing } from './replacing.ts'

const { open } = useMongo()

/** The store, in which something happens before each command that `when` picks. */
function interrupted(
  { database }: MongoStore,
  when: (command: Record<string, unknown>) => boolean,
  happens: () => Promise<unknown>,
) {
  const run: Execute = async (command) => {
    if (when(command)) await happens()
    return await database.run(command)
  }
  return mongoJobStore(replacing<typeof database>(database, { run }))
}

describe('a claim', () => {
  test('takes what is left when others were quicker for some', async () => {
    const opened = await open()
    const jobs = [jobOf(['A']), jobOf(['A']), jobOf(['A'])]
    for (const job of jobs) await opened.store.submit(job)
    let others: readonly { gid: string }[] = []
    const late = interrupted(
      opened,
      (command) => 'update' in command && others.length === 0,
      async () => {
        others = (await opened.store.claim(request({ owner: 'quicker', limit: 2 }))).claims
      },
    )
    const { claims } = await late.claim(request({ limit: 3 }))
    expect(claims).toHaveLength(1)
    expect([...claims, ...others].map(({ gid }) => gid).toSorted()).toEqual(
      jobs.map(({ gid }) => gid).toSorted(),
    )
  })

  test('looks again when others were quicker for all', async () => {
    const opened = await open()
    await opened.store.submit(jobOf(['A']))
    const late = jobOf(['A'])
    let taken = false
    const store = interrupted(
      opened,
      (command) => 'update' in command && !taken,
      async () => {
        taken = true
        await opened.store.claim(request({ owner: 'quicker' }))
        await opened.store.submit(late)
      },
    )
    const { claims } = await store.claim(request())
    expect(claims).toMatchObject([{ gid: late.gid }])
  })

  test('tells its own from those of another claim of the same process', async () => {
    const opened = await open()
    await opened.store.submit(jobOf(['A']))
    let taken = false
    const store = interrupted(
      opened,
      (command) => 'update' in command && !taken,
      async () => {
        taken = true
        await opened.store.claim(request())
      },
    )
    expect((await store.claim(request())).claims).toEqual([])
  })

  test('reads no more than it needs when many jobs run', async () => {
    const opened = await open()
    const gids = Array.from({ length: 300 }, () => jobOf(['A']))
    await Promise.all(gids.map((job) => opened.store.submit(job)))
    await opened.store.claim(request({ limit: 300 }))
    const due = jobOf(['A'])
    await opened.store.submit(due)
    const { claims } = await opened.store.claim(request({ limit: 10, lookAheadMs: 2_000 }))
    expect(claims).toMatchObject([{ gid: due.gid }])
  })
})

test('an ending that comes when the job was taken away is lost, the others of its batch are not', async () => {
  const opened = await open()
  const [lost, kept] = [await claimNew(opened.store, 'A'), await claimNew(opened.store, 'A')]
  const store = interrupted(
    opened,
    (command) => 'update' in command,
    () => opened.jobs.updateOne({ _id: lost.gid }, { $inc: { lease_token: 1 } }),
  )
  const results = await store.settle([
    ending(lost, { to: 'finished' }),
    ending(kept, { to: 'finished' }),
  ])
  expect(Object.fromEntries(results)).toEqual({ [lost.gid]: 'lost', [kept.gid]: 'saved' })
  expect(await opened.stored(lost.gid)).toMatchObject({ state: 'submitted', cursor: 0 })
})

test('an operator’s cancel that comes when the job was claimed is refused', async () => {
  const opened = await open()
  const job = jobOf(['A'])
  await opened.store.submit(job)
  const seen = (await opened.store.find(job.gid))!
  const store = interrupted(
    opened,
    (command) => 'findAndModify' in command,
    () => opened.store.claim(request()),
  )
  expect(await store.end(seen, 'cancelled')).toBe(false)
  expect(await opened.stored(job.gid)).toMatchObject({ state: 'submitted' })
})

test('a batch of hundreds is written at once, each with its own fate', async () => {
  const opened = await open()
  const jobs = Array.from({ length: 500 }, () => jobOf(['A', 'B']))
  await Promise.all(jobs.map((job) => opened.store.submit(job)))
  const { claims } = await opened.store.claim(request({ limit: 500 }))
  await opened.jobs.updateOne({ _id: claims[250]!.gid }, { $inc: { lease_token: 1 } })
  const results = await opened.store.settle(
    claims.map((claim) => ending(claim, { to: 'advanced', nextStep: 'B', leaseMs })),
  )
  expect([...results.values()].filter((result) => result === 'saved')).toHaveLength(499)
  expect(results.get(claims[250]!.gid)).toBe('lost')
})

test('what the server refuses for its data is a refusal, an outage is none', async () => {
  const { store } = await open()
  const claim = await claimNew(store, 'A')
  for (const megabytes of [16, 17, 40]) {
    const error = 'x'.repeat(megabytes * 1024 * 1024)
    const refused = settle(store, claim, { to: 'parked', error }).catch((thrown: unknown) => thrown)
    expect(store.isRefusal!(await refused)).toBe(true)
  }
  expect(store.isRefusal!(Object.assign(new Error('not the primary'), { code: 10107 }))).toBe(false)
  expect(store.isRefusal!(new Error('connection closed'))).toBe(false)
})

test('a job whose args are too large for a document is refused, and what to do is said', async () => {
  const { store } = await open()
  const args = JSON.stringify('x'.repeat(1024 * 1024 - 2))
  const steps = Array.from({ length: 17 }, () => ({ name: 'A', args }))
  await expect(store.submit(jobOf([], { steps }))).rejects.toMatchObject({ code: 'ARGS_TOO_LARGE' })
})
