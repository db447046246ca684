import { expect } from 'vitest'
import { undecided } from './recorder.ts'
import type { ManagerCases } from './scene.ts'

/** Prepared jobs whose submit never came. */
export function describeQueryPrepared<Tx>(test: ManagerCases<Tx>): void {
  test('a job that is not submitted is asked about, and runs if it is committed', async (scene) => {
    const { tm, participant, job, begun, settled } = await scene.manage()
    const tied = job(['A', 'B'], await scene.tie())
    await tm.prepare(tied)
    await begun(tied, 2)
    await settled()
    expect(participant.begun(tied.gid)).toEqual(['A', 'B'])
    expect(participant.asked).toContain(tied.gid)
  })

  test('a job that is rolled back never runs', async (scene) => {
    const { tm, participant, job, settled } = await scene.manage()
    participant.answer = () => 'rolledBack'
    const tied = job(['A'], await scene.tie())
    await tm.prepare(tied)
    await scene.eventually(() => expect(participant.asked).toContain(tied.gid))
    await settled()
    expect(participant.begun(tied.gid)).toEqual([])
  })

  test('while its transaction is open it is asked about again, and then runs', async (scene) => {
    const { tm, participant, job, begun } = await scene.manage()
    participant.answer = undecided
    const tied = job(['A'], await scene.tie())
    await tm.prepare(tied)
    await scene.eventually(() => expect(participant.asked.length).toBeGreaterThanOrEqual(2))
    expect(participant.begun(tied.gid)).toEqual([])
    participant.answer = () => 'committed'
    await begun(tied, 1)
  })

  test('an answer that fails decides nothing', async (scene) => {
    const { tm, participant, job, begun } = await scene.manage()
    participant.answer = () => {
      throw new Error('the database is away')
    }
    const tied = job(['A'], await scene.tie())
    await tm.prepare(tied)
    await scene.eventually(() => expect(participant.asked.length).toBeGreaterThanOrEqual(2))
    expect(participant.begun(tied.gid)).toEqual([])
    participant.answer = () => 'committed'
    await begun(tied, 1)
  })

  test('a job that was asked about while it was submitted runs once', async (scene) => {
    const { tm, participant, job, begun, settled } = await scene.manage()
    const tied = job(['A'], await scene.tie())
    await tm.prepare(tied)
    await begun(tied, 1)
    await tm.submit(tied)
    await settled()
    expect(participant.begun(tied.gid)).toEqual(['A'])
  })
}
