import { expect } from 'vitest'
import { failed } from './recorder.ts'
import type { ManagerCases } from './scene.ts'

/** How steps are called: in order, each until it is done. */
export function describeRunning<Tx>(test: ManagerCases<Tx>): void {
  test('steps run in order, each after the end of the one before', async (scene) => {
    const goOn = Promise.withResolvers<void>()
    const { tm, participant, job, begun, settled } = await scene.manage({
      C: async () => await goOn.promise,
    })
    const ordered = job(['A', 'C', 'A', 'B'])
    await tm.submit(ordered)
    await begun(ordered, 2)
    await settled()
    expect(participant.begun(ordered.gid)).toEqual(['A', 'C'])
    goOn.resolve()
    await begun(ordered, 4)
    await settled()
    expect(participant.begun(ordered.gid)).toEqual(['A', 'C', 'A', 'B'])
  })

  test('a step is called with what was stored', async (scene) => {
    const { tm, participant, job, begun } = await scene.manage()
    const args = JSON.stringify({ text: `it's "quoted" \\ ☃ 🦆`, list: [1, null, true], empty: '' })
    const stored = job([], { steps: [{ name: 'A' }, { name: 'B', args }] })
    await tm.submit(stored)
    await begun(stored, 2)
    const [a, b] = participant.calls
    expect(a).toMatchObject({ gid: stored.gid, index: 0, name: 'A', attempt: 1 })
    expect(a!.args).toBeUndefined()
    expect(b).toMatchObject({ gid: stored.gid, index: 1, name: 'B', attempt: 1 })
    expect(JSON.parse(b!.args!)).toEqual(JSON.parse(args))
    expect(b!.signal).toBeInstanceOf(AbortSignal)
  })

  test('a step that fails is tried again until it is done, and the next waits for it', async (scene) => {
    let failures = 0
    const { tm, participant, job, begun, settled } = await scene.manage({
      B: () => (failures++ < 3 ? failed() : undefined),
    })
    const retried = job(['A', 'B', 'C'])
    await tm.submit(retried)
    await begun(retried, 6)
    await settled()
    expect(participant.begun(retried.gid)).toEqual(['A', 'B', 'B', 'B', 'B', 'C'])
    const attempts = participant.calls.filter(({ name }) => name === 'B')
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
  })

  test(
    'a step that gave up is not tried again, until a person wants it',
    ['jobs'],
    async (scene) => {
      let runs = 0
      const { tm, participant, job, begun, settled } = await scene.manage({
        A: () => (runs++ === 0 ? { ...failed('out of paper'), park: true } : undefined),
      })
      const parked = job(['A', 'B'])
      await tm.submit(parked)
      await scene.eventually(async () => {
        const found = await tm.jobs!.find(parked.gid)
        expect(found).toMatchObject({ state: 'parked', lastError: 'out of paper' })
      })
      await settled()
      expect(participant.begun(parked.gid)).toEqual(['A'])
      await tm.jobs!.retry(parked.gid)
      await begun(parked, 3)
      expect(participant.begun(parked.gid)).toEqual(['A', 'A', 'B'])
    },
  )

  test('a job that waits for its next try does not hold up the others', async (scene) => {
    const { tm, participant, job, settled } = await scene.manage({
      A: () => ({ ...failed(), retryInMs: 3_600_000 }),
    })
    const waiting = job(['A'])
    await tm.submit(waiting)
    await settled()
    expect(participant.begun(waiting.gid).length).toBeLessThanOrEqual(1)
  })

  test('fifty jobs of two processes run once each', async (scene) => {
    const first = await scene.manage()
    const second = await scene.manage({}, { app: first.participant.app })
    const jobs = Array.from({ length: 50 }, () => first.job(['A', 'B']))
    await Promise.all(jobs.map((job, i) => (i % 2 === 0 ? first : second).tm.submit(job)))
    const begun = (gid: string): readonly string[] => [
      ...first.participant.begun(gid),
      ...second.participant.begun(gid),
    ]
    await scene.eventually(() => {
      for (const { gid } of jobs) expect(begun(gid).length).toBeGreaterThanOrEqual(2)
    })
    await first.settled()
    for (const { gid } of jobs) expect(begun(gid).toSorted()).toEqual(['A', 'B'])
  })

  test('a job of another app is left to that', async (scene) => {
    const { participant, settled } = await scene.manage()
    const another = await scene.manage({}, { start: false })
    const job = another.job(['A'])
    await another.tm.submit(job)
    await settled()
    expect(participant.begun(job.gid)).toEqual([])
  })
}
