import { defineStep } from '@stepping/core'
import { expect } from 'vitest'
import { stop } from '../database/scene.ts'
import type { ManagerCases } from './scene.ts'

/** Form 1, gids of the caller's own, and `once` in steps: what apps do beside their transactions. */
export function describeWithoutATransaction<Tx>(test: ManagerCases<Tx>): void {
  test('a job by itself is done', async (scene) => {
    const app = await scene.app()
    const job = app.stepping.createJob().addStep(app.note, 'alone')
    await expect(job.start()).resolves.toEqual({ gid: job.gid, submitted: true })
    await app.noted('alone')
  })

  test("a gid of the caller's is a job only once", ['duplicates'], async (scene) => {
    const app = await scene.app()
    const gid = `message-${crypto.randomUUID()}`
    const start = async (): Promise<unknown> =>
      await app.stepping.createJob({ gid }).addStep(app.note, 'message').start()
    await start()
    await expect(start()).rejects.toMatchObject({ code: 'JOB_DUPLICATE', gid })
    await app.noted('message')
    await app.settled()
    expect(app.notes.filter((text) => text === 'message')).toHaveLength(1)
  })

  test("a gid of the caller's is a transaction's only once, also after its job is done", async (scene) => {
    const { data } = scene
    const app = await scene.app()
    const gid = `message-${crypto.randomUUID()}`
    const handle = async (text: string): Promise<void> => {
      await app.stepping.transaction(
        data.database,
        async (tx, job) => {
          await data.opened.write(tx, text)
          job.addStep(app.note, text)
        },
        { gid },
      )
    }
    await handle('handled')
    await expect(handle('handled again')).rejects.toMatchObject({ code: 'JOB_DUPLICATE', gid })
    await app.noted('handled')
    await app.settled()
    await expect(handle('handled late')).rejects.toMatchObject({ code: 'JOB_DUPLICATE', gid })
    await app.settled()
    expect(app.notes.filter((text) => text.startsWith('handled'))).toEqual(['handled'])
    const rows = await data.opened.probe.rows()
    expect(rows.filter((row) => row.startsWith('handled'))).toEqual(['handled'])
    expect(await data.opened.probe.barrier(gid)).toMatchObject([{ reason: 'msg' }])
  })

  test("a gid of the caller's is free again after a rollback before the steps were sent", async (scene) => {
    const { data } = scene
    const app = await scene.app()
    const gid = `message-${crypto.randomUUID()}`
    const failed = app.stepping.transaction(
      data.database,
      async (_tx, job) => {
        job.addStep(app.note, 'not handled')
        throw stop
      },
      { gid },
    )
    await expect(failed).rejects.toBe(stop)
    await app.stepping.transaction(
      data.database,
      async (_tx, job) => void job.addStep(app.note, 'handled in the end'),
      { gid },
    )
    await app.noted('handled in the end')
    expect(app.notes).not.toContain('not handled')
  })

  test('once has its effect once, though its step is tried again', async (scene) => {
    const { data } = scene
    const results: unknown[] = []
    const reserve = defineStep({
      name: 'Reserve',
      backoff: { firstMs: 10 },
      async run({ once, attempt }) {
        const result = await once(data.database, async (tx) => {
          await data.opened.write(tx, `reserved in attempt ${attempt}`)
          return { attempt }
        })
        results.push(result)
        if (attempt === 1) throw new Error('after the effect')
      },
    })
    const app = await scene.app([reserve])
    await app.stepping.createJob().addStep(reserve).addStep(app.note, 'reserved').start()
    await app.noted('reserved')
    expect(results).toEqual([
      { ran: true, value: { attempt: 1 } },
      { ran: false, value: { attempt: 1 } },
    ])
    const rows = await data.opened.probe.rows()
    expect(rows.filter((row) => row.startsWith('reserved'))).toEqual(['reserved in attempt 1'])
  })

  test('a job that once starts is tied to its transaction', async (scene) => {
    const { data } = scene
    const follow = defineStep({
      name: 'Follow',
      backoff: { firstMs: 10 },
      async run({ once, attempt }): Promise<void> {
        await once(data.database, async (_tx, job) => {
          job.addStep(app.note, `followed in attempt ${attempt}`)
          if (attempt === 1) throw new Error('rolled back')
        })
        if (attempt === 2) throw new Error('after the commit')
      },
    })
    const app = await scene.app([follow])
    await app.stepping.createJob().addStep(follow).addStep(app.note, 'last').start()
    await app.noted('last')
    await app.noted('followed in attempt 2')
    await app.settled()
    expect(app.notes.filter((text) => text.startsWith('followed'))).toEqual([
      'followed in attempt 2',
    ])
  })
}
