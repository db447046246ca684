import { defineStep } from '@stepping/core'
import type { CommittableJob } from '@stepping/core'
import type { PoolClient } from 'pg'
import { describe, expect, test, vi } from 'vitest'
import { onPath, paths, startApp } from './app.ts'
import type { App } from './app.ts'
import { begun, committed, holdCommit, open, openForTest, order } from './harness.ts'
import type { Harness } from './harness.ts'

type Opened = { h: Harness; store: Harness }

async function start({ h, store }: Opened): Promise<Opened & { app: App }> {
  return { h, store, app: await startApp({ databases: [h.database], store: store.database }) }
}

/** An order, and a job with one step that is tied to it. */
async function place(
  h: Harness,
  app: App,
  client: PoolClient,
  text: string,
): Promise<CommittableJob> {
  await order(client, text)
  return app.stepping.createJob(h.database.context(client)).addStep(app.note, text)
}

async function expectDropped(store: Harness, app: App, text: string): Promise<void> {
  await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), { timeout: 10_000 })
  await app.settled()
  expect(app.notes).not.toContain(text)
}

describe.each(paths)('stepping.transaction, %s,', (path) => {
  const opened = onPath(path, (name) => open({ name }))

  test('has its job done after the commit, once', async () => {
    const { h, app } = await start(opened)
    const value = await app.stepping.transaction(h.database, async (client, job) => {
      await order(client, 'committed')
      job.addStep(app.note, 'committed')
      return 42
    })
    expect(value).toBe(42)
    await app.noted('committed')
    await app.settled()
    expect(app.notes.filter((text) => text === 'committed')).toHaveLength(1)
    expect(await h.skus()).toContain('committed')
  })

  test('has a further job done that was tied to it by hand', async () => {
    const { h, app } = await start(opened)
    await app.stepping.transaction(h.database, async (client, job) => {
      job.addStep(app.note, 'its own')
      await (await place(h, app, client, 'by hand')).prepareAndInsertBarrier()
      await order(client, 'after that')
    })
    await app.noted('its own')
    await app.noted('by hand')
    expect(await h.skus()).toContain('after that')
  })

  test('drops its job with the transaction', async () => {
    const { h, store, app } = await start(opened)
    const outOfStock = new Error('out of stock')
    const failed = app.stepping.transaction(h.database, async (client, job) => {
      await order(client, 'undone')
      job.addStep(app.note, 'undone')
      throw outOfStock
    })
    await expect(failed).rejects.toBe(outOfStock)
    await expectDropped(store, app, 'undone')
    expect(await h.skus()).not.toContain('undone')
  })

  test('drops its job when the server refuses the commit', async () => {
    const { h, store, app } = await start(opened)
    await h.query('create table if not exists paid (n int unique deferrable initially deferred)')
    const failed = app.stepping.transaction(h.database, async (client, job) => {
      job.addStep(app.note, 'not paid')
      await client.query('insert into paid values (1), (1)')
    })
    await expect(failed).rejects.toMatchObject({ code: '23505' })
    await expectDropped(store, app, 'not paid')
  })

  test('rejects, and drops its job, when the error of a failed statement was swallowed', async () => {
    const { h, store, app } = await start(opened)
    const failed = app.stepping.transaction(h.database, async (client, job) => {
      job.addStep(app.note, 'ghost')
      await client.query('select 1 / 0').catch(() => {})
    })
    // The client may know already that the transaction failed.
    const code = expect.stringMatching(/^TRANSACTION_(ROLLED_BACK|UNUSABLE)$/) as string
    await expect(failed).rejects.toMatchObject({ code })
    await expectDropped(store, app, 'ghost')
  })

  test('leaves it to the database what is done when the connection is lost in COMMIT', async () => {
    const { h, store, app } = await start(opened)
    const commit = await holdCommit(h, 'lost')
    let gid = ''
    const lost = app.stepping
      .transaction(h.database, async (client, job) => {
        gid = job.addStep(app.note, 'lost').gid
        await order(client, 'lost')
      })
      .catch((error: unknown) => error)
    await commit.terminate()
    expect(await lost).toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN', gid })
    // It had not committed.
    await expectDropped(store, app, 'lost')
  })

  test('does not let its own transaction be committed by a job', async () => {
    const { h, app } = await start(opened)
    const failed = app.stepping.transaction(h.database, async (client) => {
      await app.stepping.createJob(h.database.context(client)).addStep(app.note, 'x').start()
    })
    await expect(failed).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })
})

describe.each(paths)("the user's own transaction, %s,", (path) => {
  const opened = onPath(path, (name) => open({ name }))

  test('has its job done after submit', async () => {
    const { h, app } = await start(opened)
    const job = await committed(h, async (client) => {
      const placed = await place(h, app, client, 'submitted')
      await placed.prepareAndInsertBarrier()
      return placed
    })
    await expect(job.submit()).resolves.toEqual({ gid: job.gid, submitted: true })
    await app.noted('submitted')
  })

  test('has its job done when submit is forgotten', async () => {
    const { h, app } = await start(opened)
    await committed(h, async (client) => {
      await (await place(h, app, client, 'forgotten')).prepareAndInsertBarrier()
    })
    await app.noted('forgotten')
  })

  test('refuses submit before the commit, and takes it after', async () => {
    const { h, app } = await start(opened)
    const job = await committed(h, async (client) => {
      const placed = await place(h, app, client, 'early')
      await placed.prepareAndInsertBarrier()
      await expect(placed.submit()).rejects.toMatchObject({ code: 'TRANSACTION_NOT_COMMITTED' })
      return placed
    })
    await expect(job.submit()).resolves.toMatchObject({ submitted: true })
    await app.noted('early')
  })

  test('refuses submit after a rollback, and drops the job', async () => {
    const { h, store, app } = await start(opened)
    let job: CommittableJob | undefined
    const failed = begun(h, async (client) => {
      job = await place(h, app, client, 'undone')
      await job.prepareAndInsertBarrier()
      throw new Error('stop')
    })
    await expect(failed).rejects.toThrow('stop')
    await expect(job!.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    await expectDropped(store, app, 'undone')
  })

  test('refuses submit when the job went with a savepoint', async () => {
    const { h, store, app } = await start(opened)
    const job = await committed(h, async (client) => {
      await client.query('savepoint here')
      const placed = await place(h, app, client, 'in a savepoint')
      await placed.prepareAndInsertBarrier()
      await client.query('rollback to here')
      return placed
    })
    await expect(job.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    await expectDropped(store, app, 'in a savepoint')
  })
})

describe.each(paths)('start() in a transaction of the user, %s,', (path) => {
  const opened = onPath(path, (name) => open({ name }))

  test('commits, and has the job done, once', async () => {
    const { h, app } = await start(opened)
    const receipt = await begun(h, async (client) => {
      const job = await place(h, app, client, 'started')
      return { ...(await job.start()), expected: job.gid }
    })
    expect(receipt).toEqual({ gid: receipt.expected, expected: receipt.expected, submitted: true })
    await app.noted('started')
    await app.settled()
    expect(app.notes.filter((text) => text === 'started')).toHaveLength(1)
    expect(await h.skus()).toContain('started')
  })

  test('leaves the client idle, for its next transaction', async () => {
    const { h, app } = await start(opened)
    await begun(h, async (client) => {
      await (await place(h, app, client, 'one')).start()
      await client.query('begin')
      await (await place(h, app, client, 'another')).start()
    })
    await app.noted('one')
    await app.noted('another')
    expect(await h.skus()).toEqual(expect.arrayContaining(['one', 'another']))
  })

  test('rejects when the server refuses the commit, and drops the job', async () => {
    const { h, store, app } = await start(opened)
    await h.query('create table if not exists paid (n int unique deferrable initially deferred)')
    const failed = begun(h, async (client) => {
      await client.query('insert into paid values (1), (1)')
      await (await place(h, app, client, 'not paid')).start()
    })
    await expect(failed).rejects.toMatchObject({ code: '23505' })
    await expectDropped(store, app, 'not paid')
    expect(await h.skus()).not.toContain('not paid')
  })

  test('rejects in a transaction in which a statement failed unnoticed', async () => {
    const { h, store, app } = await start(opened)
    const failed = begun(h, async (client) => {
      const job = await place(h, app, client, 'ghost')
      await client.query('select 1 / 0').catch(() => {})
      await job.start()
    })
    await expect(failed).rejects.toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
    await expectDropped(store, app, 'ghost')
  })

  test('leaves it to the database what is done when the connection is lost in COMMIT', async () => {
    const { h, store, app } = await start(opened)
    const commit = await holdCommit(h, 'lost')
    let gid: string | undefined
    const lost = begun(h, async (client) => {
      const job = await place(h, app, client, 'lost')
      ;({ gid } = job)
      await job.start()
    }).catch((error: unknown) => error)
    await commit.terminate()
    expect(await lost).toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN', gid })
    await expectDropped(store, app, 'lost')
  })

  test("is a job only once with a gid of the caller's own", async () => {
    const { h, app } = await start(opened)
    const handle = (text: string) =>
      begun(h, async (client) => {
        await order(client, text)
        const context = h.database.context(client)
        await app.stepping.createJob(context, { gid: 'message-1' }).addStep(app.note, text).start()
      })
    await handle('first')
    await expect(handle('second')).rejects.toMatchObject({ code: 'JOB_DUPLICATE' })
    await app.noted('first')
    await app.settled()
    expect(app.notes).not.toContain('second')
    expect(await h.skus()).toContain('first')
    expect(await h.skus()).not.toContain('second')
  })
})

describe('once', () => {
  test('has its effect once, though its step is tried again', async () => {
    const h = await openForTest()
    const results: unknown[] = []
    const reserve = defineStep({
      name: 'Reserve',
      backoff: { firstMs: 10 },
      async run({ once, attempt }) {
        const result = await once(h.database, async (client) => {
          await order(client, `reserved in attempt ${attempt}`)
          return { attempt }
        })
        results.push(result)
        if (attempt === 1) throw new Error('after the effect')
      },
    })
    const app = await startApp({ databases: [h.database], store: h.database, steps: [reserve] })
    await app.stepping.createJob().addStep(reserve).addStep(app.note, 'reserved').start()
    await app.noted('reserved')
    expect(results).toEqual([
      { ran: true, value: { attempt: 1 } },
      { ran: false, value: { attempt: 1 } },
    ])
    expect(await h.skus()).toEqual(['reserved in attempt 1'])
  })
})
