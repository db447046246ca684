import type { DbContext, Enlistment, JobRecord } from '@stepping/core'
import { expect } from 'vitest'
import { stop } from '../database/scene.ts'
import type { Managed, ManagerCases, Scene } from './scene.ts'

/** Jobs that are stored in the transaction that they are tied to. */
export function describeEnlisting<Tx>(test: ManagerCases<Tx>): void {
  test('a job runs once its transaction is committed', ['enlists'], async (scene) => {
    const managed = await scene.manage()
    const { participant, begun, settled } = managed
    const { job, enlistment } = await committed(scene, managed)
    enlistment.committed(false)
    await begun(job, 2)
    await settled()
    expect(participant.begun(job.gid)).toEqual(['A', 'B'])
  })

  test('a job whose commit nobody was told of runs all the same', ['enlists'], async (scene) => {
    const managed = await scene.manage()
    const { job } = await committed(scene, managed)
    await managed.begun(job, 2)
    await managed.settled()
    expect(managed.participant.begun(job.gid)).toEqual(['A', 'B'])
  })

  test('a job goes with its transaction, whatever is said of that', ['enlists'], async (scene) => {
    const managed = await scene.manage()
    const { tm, participant, settled } = managed
    for (const told of ['committed', 'notCommitted', 'nothing'] as const) {
      const job = managed.job(['A'], await scene.tie())
      let enlistment: Enlistment | undefined
      const failed = transact(scene, async (context) => {
        enlistment = await tm.enlist!(context, job, async () => {})
        throw stop
      })
      await expect(failed).rejects.toBe(stop)
      if (told === 'committed') enlistment!.committed(false)
      if (told === 'notCommitted') enlistment!.notCommitted()
      await settled()
      expect(participant.begun(job.gid)).toEqual([])
    }
  })

  test('a gid is a job only once', ['enlists', 'duplicates'], async (scene) => {
    const managed = await scene.manage()
    const { job } = await committed(scene, managed, { callerGid: true })
    const again = async (): Promise<void> =>
      await transact(scene, async (context) => {
        await managed.tm.enlist!(context, { ...job }, async () => {})
      })
    const duplicate = { code: 'JOB_DUPLICATE', gid: job.gid }
    await expect(again()).rejects.toMatchObject(duplicate)
    await managed.begun(job, 2)
    await managed.settled()
    await expect(again()).rejects.toMatchObject(duplicate)
    expect(managed.participant.begun(job.gid)).toEqual(['A', 'B'])
  })

  test(
    'what has to come before the row comes before it, in the same transaction',
    ['enlists'],
    async (scene) => {
      const managed = await scene.manage()
      const job = managed.job(['A'], await scene.tie())
      const refused = new Error('the gid is used')
      let before = 0
      const failed = transact(scene, async (context) => {
        await managed.tm.enlist!(context, job, async () => {
          before++
          throw refused
        })
      })
      await expect(failed).rejects.toBe(refused)
      expect(before).toBe(1)
      await managed.settled()
      expect(managed.participant.begun(job.gid)).toEqual([])
    },
  )

  test('the transaction of another database is left alone', ['enlists'], async (scene) => {
    const { tm, job } = await scene.manage()
    const another = await scene.data.another()
    const { ref } = another.database
    const strange = job(['A'], {
      database: { ...ref, identity: await another.database.identity() },
    })
    let before = 0
    await another.database.transaction(async (tx) => {
      const context = another.database.context(tx)
      await context.assertUsable()
      const enlisted = await tm.enlist!(context, strange, async () => void before++)
      expect(enlisted).toBeUndefined()
    })
    expect(before).toBe(0)
  })
}

async function transact<Tx>(
  { data }: Scene<Tx>,
  work: (context: DbContext) => Promise<void>,
): Promise<void> {
  await data.database.transaction(async (tx) => {
    const context = data.database.context(tx)
    await context.assertUsable()
    await work(context)
  })
}

/** A job in a transaction that is committed by now. */
async function committed<Tx>(
  scene: Scene<Tx>,
  { tm, job }: Managed,
  rest: Partial<JobRecord> = {},
): Promise<{ job: JobRecord; enlistment: Enlistment }> {
  const tied = job(['A', 'B'], { ...(await scene.tie()), ...rest })
  let enlistment: Enlistment | undefined
  await transact(scene, async (context) => {
    enlistment = await tm.enlist?.(context, tied, async () => {})
    if (!enlistment)
      throw new Error('The harness says that jobs are enlisted, and this one was not.')
  })
  return { job: tied, enlistment: enlistment! }
}
