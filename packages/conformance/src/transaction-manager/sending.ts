import { expect } from 'vitest'
import { undecided } from './recorder.ts'
import type { ManagerCases } from './scene.ts'

/** Prepare, submit and abort: each may be lost, repeated, or come late. */
export function describeSending<Tx>(test: ManagerCases<Tx>): void {
  test('a job without a database runs after its submit, once', async (scene) => {
    const { tm, participant, job, begun, settled } = await scene.manage()
    const alone = job(['A', 'B'])
    await tm.submit(alone)
    await begun(alone, 2)
    await settled()
    expect(participant.begun(alone.gid)).toEqual(['A', 'B'])
  })

  test('a job without a database is a duplicate the second time', ['duplicates'], async (scene) => {
    const { tm, participant, job, begun, settled } = await scene.manage()
    const alone = job(['A'], { callerGid: true })
    await tm.submit(alone)
    await begun(alone, 1)
    await expect(tm.submit({ ...alone })).rejects.toMatchObject({
      code: 'JOB_DUPLICATE',
      gid: alone.gid,
    })
    await settled()
    expect(participant.begun(alone.gid)).toEqual(['A'])
  })

  test('a prepared job does not run before it is submitted', async (scene) => {
    const { tm, participant, job, begun, settled } = await scene.manage()
    participant.answer = undecided
    const tied = job(['A'], await scene.tie())
    await tm.prepare(tied)
    await settled()
    expect(participant.begun(tied.gid)).toEqual([])
    await tm.submit(tied)
    await begun(tied, 1)
  })

  test('prepare repeated changes nothing', async (scene) => {
    const { tm, participant, job, begun, settled } = await scene.manage()
    participant.answer = undecided
    const tied = job(['A'], await scene.tie())
    await tm.prepare(tied)
    await tm.prepare({ ...tied })
    await tm.submit(tied)
    await begun(tied, 1)
    await settled()
    expect(participant.begun(tied.gid)).toEqual(['A'])
  })

  test('submit repeated starts the job once', async (scene) => {
    const { tm, participant, job, begun, settled } = await scene.manage()
    const tied = job(['A'], await scene.tie())
    await tm.prepare(tied)
    await Promise.all([tm.submit(tied), tm.submit(tied)])
    await begun(tied, 1)
    await tm.submit(tied)
    await settled()
    expect(participant.calls.filter(({ name }) => name === 'A')).toHaveLength(1)
  })

  test('prepare with other steps under its gid is a conflict', ['conflicts'], async (scene) => {
    const { tm, participant, job, begun } = await scene.manage()
    participant.answer = undecided
    const tied = job(['A'], await scene.tie())
    await tm.prepare(tied)
    await expect(tm.prepare({ ...tied, steps: [{ name: 'B' }] })).rejects.toMatchObject({
      code: 'JOB_CONFLICT',
      gid: tied.gid,
    })
    await tm.submit(tied)
    await begun(tied, 1)
    expect(participant.begun(tied.gid)).toEqual(['A'])
  })

  test('submit with other steps under its gid is a conflict', ['conflicts'], async (scene) => {
    const { tm, participant, job, begun } = await scene.manage()
    participant.answer = undecided
    const tied = job(['A'], await scene.tie())
    await tm.prepare(tied)
    await expect(tm.submit({ ...tied, steps: [{ name: 'B' }] })).rejects.toMatchObject({
      code: 'JOB_CONFLICT',
      gid: tied.gid,
    })
    await tm.submit(tied)
    await begun(tied, 1)
    expect(participant.begun(tied.gid)).toEqual(['A'])
  })

  test('a job that was dropped cannot be submitted any more', ['droppedJobs'], async (scene) => {
    const { tm, participant, job, settled } = await scene.manage()
    participant.answer = () => 'rolledBack'
    const tied = job(['A'], await scene.tie())
    await tm.prepare(tied)
    await tm.abort?.(tied)
    await expect(tm.submit(tied)).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    await settled()
    expect(participant.begun(tied.gid)).toEqual([])
  })

  test('abort drops a prepared job', ['jobs'], async (scene) => {
    const { tm, participant, job, settled } = await scene.manage()
    participant.answer = undecided
    const tied = job(['A'], await scene.tie())
    await tm.prepare(tied)
    await tm.abort?.(tied)
    expect((await tm.jobs!.find(tied.gid))?.state ?? 'rolledBack').toBe('rolledBack')
    await settled()
    expect(participant.begun(tied.gid)).toEqual([])
  })
}
