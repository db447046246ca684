import { expect } from 'vitest'
import { Recorder } from './recorder.ts'
import type { ManagerCases } from './scene.ts'

/** Start and close, and what a process leaves to others. */
export function describeLifecycle<Tx>(test: ManagerCases<Tx>): void {
  test('jobs that were added before the start run after it', async (scene) => {
    const { tm, participant, job, begun } = await scene.manage({}, { start: false })
    const early = job(['A'])
    await tm.submit(early)
    expect(participant.calls).toEqual([])
    await tm.start(participant, { execute: true })
    await begun(early, 1)
  })

  test('a process that only adds jobs runs none; another one does', async (scene) => {
    const adding = await scene.manage({}, { start: false })
    await adding.tm.start(adding.participant, { execute: false })
    const running = await scene.manage({}, { app: adding.participant.app })
    const added = adding.job(['A', 'B'])
    await adding.tm.submit(added)
    await running.begun(added, 2)
    expect(adding.participant.calls).toEqual([])
  })

  test('close waits for the step that runs, and what that did is kept', async (scene) => {
    const goOn = Promise.withResolvers<void>()
    const { tm, participant, job, begun } = await scene.manage({
      A: async () => await goOn.promise,
    })
    const running = job(['A', 'B'])
    await tm.submit(running)
    await begun(running, 1)
    const closed = tm.close()
    goOn.resolve()
    await closed
    const begunAtClose = participant.calls.length
    const other = await scene.manage({}, { app: participant.app })
    await scene.eventually(() => expect(other.participant.begun(running.gid)).toEqual(['B']))
    expect(participant.calls.length).toBe(begunAtClose)
  })

  test('a step that does not end is told to stop by close, and another process does it', async (scene) => {
    const { tm, participant, job, begun } = await scene.manage({
      A: async ({ signal }) => {
        if (!signal.aborted)
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
        return {
          done: false,
          error: new Error('interrupted'),
          interrupted: true,
          park: false,
          retryInMs: 0,
        }
      },
    })
    const endless = job(['A'])
    await tm.submit(endless)
    await begun(endless, 1)
    await tm.close()
    const other = await scene.manage({}, { app: participant.app })
    await other.begun(endless, 1)
    // It was told to stop, so it does not count as an attempt.
    expect(other.participant.calls[0]).toMatchObject({ attempt: 1 })
  })

  test('after close nothing begins', async (scene) => {
    const { tm, participant, job } = await scene.manage()
    const late = job(['A'])
    await tm.close()
    await tm.submit(late).catch(() => {}) // refused, or left to others
    const other = await scene.manage({}, { app: participant.app })
    await other.settled()
    expect(participant.calls).toEqual([])
  })

  test('close can be called before start, and twice', async (scene) => {
    const tm = scene.opened.manager()
    await tm.close()
    await tm.close()
    const started = scene.opened.manager()
    await started.start(new Recorder('kit-closed-twice', {}), { execute: true })
    await started.close()
    await expect(started.close()).resolves.toBeUndefined()
  })

  test('a step that only a newer process knows waits for that', async (scene) => {
    const older = await scene.manage()
    const job = older.job(['A', 'New', 'B'])
    await older.tm.submit(job)
    await older.begun(job, 1)
    await older.settled()
    expect(older.participant.begun(job.gid)).toEqual(['A'])
    const newer = await scene.manage({ New: () => {} }, { app: older.participant.app })
    await newer.begun(job, 1)
    await scene.eventually(() => {
      const begun = [...older.participant.begun(job.gid), ...newer.participant.begun(job.gid)]
      expect(begun.toSorted()).toEqual(['A', 'B', 'New'])
    })
  })
}
