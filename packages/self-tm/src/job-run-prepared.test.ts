import { SteppingError } from '@stepping/core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { tiedJobOf } from '../test/jobs.ts'
import { settled, setUpRuns } from '../test/run-jobs.ts'
import type { RunParts } from '../test/run-jobs.ts'
import type { Claim } from './store/job-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A job that nobody submitted, claimed to be asked about. */
async function claimPrepared({ memory, claimDue }: RunParts): Promise<Claim> {
  await memory.prepare(tiedJobOf(['A', 'B']))
  await vi.advanceTimersByTimeAsync(10_000)
  return (await claimDue())!
}

function undecided(): SteppingError {
  return new SteppingError('BARRIER_UNDECIDED', 'its transaction is open')
}

test('committed: its steps run', async () => {
  const parts = setUpRuns({ A() {}, B() {} })
  const claim = await claimPrepared(parts)
  parts.run(claim)
  await settled()
  expect(parts.participant.begun).toEqual(['A', 'B'])
  expect(await parts.memory.find(claim.gid)).toMatchObject({ state: 'finished' })
})

test('the database that the job names is asked', async () => {
  const parts = setUpRuns({ A() {}, B() {} })
  const claim = await claimPrepared(parts)
  parts.participant.queryPrepared = vi.fn<RunParts['participant']['queryPrepared']>(
    async () => 'committed',
  )
  parts.run(claim)
  await settled()
  expect(parts.participant.queryPrepared).toHaveBeenCalledExactlyOnceWith({
    gid: claim.gid,
    database: { name: 'orders', identity: 'one' },
  })
})

test('committed: no step begins before that is durable', async () => {
  const letGo = Promise.withResolvers<void>()
  const parts = setUpRuns(
    { A() {}, B() {} },
    {
      async settle(settlements) {
        await letGo.promise
        return await parts.memory.settle(settlements)
      },
    },
  )
  parts.run(await claimPrepared(parts))
  await vi.advanceTimersByTimeAsync(1_000)
  expect(parts.participant.begun).toEqual([])
  letGo.resolve()
  await settled()
  expect(parts.participant.begun).toEqual(['A', 'B'])
})

test('rolled back: it is dropped and no step runs', async () => {
  const parts = setUpRuns({ A() {}, B() {} })
  parts.participant.queryPrepared = async () => 'rolledBack'
  const claim = await claimPrepared(parts)
  parts.run(claim)
  await settled()
  expect(parts.participant.begun).toEqual([])
  expect(await parts.memory.find(claim.gid)).toMatchObject({ state: 'rolledBack' })
  expect(parts.participant.events).toEqual([{ type: 'job.rolledBack', gid: claim.gid }])
})

test('still open: it is asked again, ever less often, and nobody is alarmed', async () => {
  const parts = setUpRuns({ A() {}, B() {} })
  parts.participant.queryPrepared = async () => {
    throw undecided()
  }
  let claim: Claim | undefined = await claimPrepared(parts)
  const waits: number[] = []
  for (let i = 0; i < 8; i++) {
    parts.run(claim)
    await settled()
    const asked = Date.now()
    while (!(claim = await parts.claimDue())) await vi.advanceTimersByTimeAsync(10)
    waits.push(Date.now() - asked)
  }
  expect(waits[0]).toBeLessThan(700)
  expect(waits[7]).toBeGreaterThan(7_000)
  expect(waits[7]).toBeLessThan(13_000)
  expect(parts.participant.events).toEqual([])
  expect(await parts.memory.find(claim.gid)).toMatchObject({ state: 'prepared' })
})

test('not to be asked: it stays prepared and somebody is told when it is asked again', async () => {
  const parts = setUpRuns({ A() {}, B() {} })
  const error = new SteppingError('DATABASE_CHANGED', 'its identity differs')
  parts.participant.queryPrepared = async () => {
    throw error
  }
  const claim = await claimPrepared(parts)
  parts.run(claim)
  await settled()
  const view = await parts.memory.find(claim.gid)
  expect(view).toMatchObject({
    state: 'prepared',
    lastError: 'its identity differs',
    running: false,
  })
  expect(parts.participant.events).toEqual([
    { type: 'job.unresolved', gid: claim.gid, error, retryInMs: expect.any(Number) },
  ])
})

test('the questions to its database do not count as attempts of its first step', async () => {
  const parts = setUpRuns({ A() {}, B() {} })
  parts.participant.queryPrepared = async () => {
    throw undecided()
  }
  parts.run(await claimPrepared(parts))
  await vi.advanceTimersByTimeAsync(5_000)
  parts.participant.queryPrepared = async () => 'committed'
  const claim = (await parts.claimDue())!
  expect(claim.attempts).toBe(1)
  parts.run(claim)
  await settled()
  expect(parts.participant.calls[0]).toMatchObject({ name: 'A', attempt: 1 })
})

test('submitted by its app meanwhile, the one who asked leaves it alone', async () => {
  const parts = setUpRuns({ A() {}, B() {} })
  const answer = Promise.withResolvers<'committed'>()
  parts.participant.queryPrepared = async () => await answer.promise
  const job = tiedJobOf(['A', 'B'])
  await parts.memory.prepare(job)
  await vi.advanceTimersByTimeAsync(10_000)
  parts.run((await parts.claimDue())!)
  await settled()
  await parts.memory.submit(job, { owner: 'its app', leaseMs: 10_000 })
  answer.resolve('committed')
  await settled()
  expect(parts.participant.begun).toEqual([])
})
