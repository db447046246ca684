import { isSteppingError } from '@stepping/core'
import { expect } from 'vitest'
import { stop } from '../database/scene.ts'
import type { App, ManagerCases } from './scene.ts'

/** Form 2: `stepping.transaction(database, work)`. */
export function describeInATransaction<Tx>(test: ManagerCases<Tx>): void {
  test('the job is done after the commit, once', async (scene) => {
    const { data } = scene
    const app = await scene.app()
    const value = await app.stepping.transaction(data.database, async (tx, job) => {
      await data.opened.write(tx, 'ordered')
      job.addStep(app.note, 'first').addStep(app.note, 'second')
      return 42
    })
    expect(value).toBe(42)
    await app.noted('second')
    await app.settled()
    expect(app.notes.slice(0, 2)).toEqual(['first', 'second'])
    expect(app.notes.filter((text) => text === 'first')).toHaveLength(1)
    expect(await data.has('ordered')).toBe(true)
  })

  test('no step begins before the commit', async (scene) => {
    const { data } = scene
    const app = await scene.app()
    const before: string[] = []
    await app.stepping.transaction(data.database, async (tx, job) => {
      job.addStep(app.note, 'not before')
      await data.opened.read(tx)
      before.push(...app.notes)
    })
    expect(before).toEqual([])
    await app.noted('not before')
  })

  test('the job is dropped with the transaction', async (scene) => {
    const { data } = scene
    const app = await scene.app()
    let gid = ''
    const failed = app.stepping.transaction(data.database, async (tx, job) => {
      gid = job.addStep(app.note, 'rolled back').gid
      await data.opened.write(tx, 'order rolled back')
      throw stop
    })
    await expect(failed).rejects.toBe(stop)
    await neverRan(app, gid)
    expect(await data.has('order rolled back')).toBe(false)
  })

  test('the job is dropped when the server gave the transaction up', ['doom'], async (scene) => {
    const { data } = scene
    const app = await scene.app()
    let gid = ''
    const failed = app.stepping.transaction(data.database, async (tx, job) => {
      gid = job.addStep(app.note, 'doomed').gid
      await data.opened.write(tx, 'order doomed')
      await data.doom(tx)
    })
    await expect(failed).rejects.toBeInstanceOf(Error)
    await neverRan(app, gid)
    expect(await data.has('order doomed')).toBe(false)
  })

  test('the job has the fate of the rows when an error was swallowed', async (scene) => {
    const { data } = scene
    const app = await scene.app()
    let gid = ''
    const committed = await app.stepping
      .transaction(data.database, async (tx, job) => {
        gid = job.addStep(app.note, 'swallowed').gid
        await data.opened.write(tx, 'order swallowed')
        await data.violate(tx, 'order swallowed')
      })
      .then(
        () => true,
        () => false,
      )
    expect(await data.has('order swallowed')).toBe(committed)
    await (committed ? app.noted('swallowed') : neverRan(app, gid))
  })

  test(
    'run again by the library, only the job of the last run is done',
    ['failOnce'],
    async (scene) => {
      const { data } = scene
      const app = await scene.app()
      const gids: string[] = []
      await app.stepping.transaction(data.database, async (tx, job) => {
        gids.push(job.gid)
        job.addStep(app.note, `run ${gids.length}`)
        await data.opened.write(tx, `order of run ${gids.length}`)
        if (gids.length === 1) await data.failOnce(tx)
      })
      expect(gids).toHaveLength(2)
      await app.noted('run 2')
      await app.gone(gids[0]!)
      await app.settled()
      expect(app.notes).not.toContain('run 1')
    },
  )

  for (const part of ['request', 'answer'] as const) {
    test(
      `a COMMIT whose ${part} is lost leaves it to the database what is done`,
      ['loseCommit'],
      async (scene) => {
        const { data } = scene
        const app = await scene.app()
        const text = `lost ${part}`
        let gid = ''
        const ended = await app.stepping
          .transaction(data.database, async (tx, job) => {
            gid = job.addStep(app.note, text).gid
            await data.opened.write(tx, text)
            data.loseCommit(part)
          })
          .then(
            () => 'committed',
            (error: unknown) => error,
          )
        if (ended !== 'committed')
          expect(isSteppingError(ended, 'TRANSACTION_OUTCOME_UNKNOWN')).toBe(true)
        if (ended !== 'committed') expect(ended).toMatchObject({ gid })
        let committed = false
        await scene.eventually(async () => {
          committed = await data.has(text)
          expect(committed || part === 'request').toBe(true)
        })
        await (committed ? app.noted(text) : neverRan(app, gid))
      },
    )
  }

  test('fifty at once each have their own fate', async (scene) => {
    const { data } = scene
    const app = await scene.app()
    const texts = Array.from({ length: 50 }, (_, i) => `one of fifty ${i}`)
    await Promise.allSettled(
      texts.map(async (text, i) => {
        await app.stepping.transaction(data.database, async (tx, job) => {
          job.addStep(app.note, text)
          await data.opened.write(tx, text)
          if (i % 3 === 0) throw stop
        })
      }),
    )
    const rows = await data.opened.probe.rows()
    const committed = texts.filter((text) => rows.includes(text))
    expect(committed).toEqual(texts.filter((_, i) => i % 3 !== 0))
    await scene.eventually(() => expect(app.notes).toEqual(expect.arrayContaining(committed)))
    await app.settled()
    expect(app.notes.filter((text) => texts.includes(text)).toSorted()).toEqual(
      committed.toSorted(),
    )
  })

  test('a process that is closed right after the commit leaves the job to another', async (scene) => {
    const { data } = scene
    const first = await scene.app()
    await first.stepping.transaction(data.database, async (_tx, job) => {
      job.addStep(first.note, 'left behind')
    })
    await first.stepping.close()
    const second = await scene.app([], first.stepping.app)
    await scene.eventually(() => {
      expect([...first.notes, ...second.notes]).toContain('left behind')
    })
    await second.settled()
    const both = [...first.notes, ...second.notes]
    expect(both.filter((text) => text === 'left behind')).toHaveLength(1)
  })
}

/** The app's only job began no step, though what is under way gets the time of a whole other job. */
export async function neverRan(app: App, gid: string): Promise<void> {
  await app.gone(gid)
  await app.settled()
  expect(app.notes).toEqual([])
}
