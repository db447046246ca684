import { startPostgres } from '@stepping/test-support'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { nodePostgres, postgresJs, serverDrivers } from './harness.ts'
import type { Driver, Harness, HarnessOptions } from './harness.ts'

const channel = 'stepping_test'

async function open(driver: Driver, options: HarnessOptions = {}): Promise<Harness> {
  const h = await driver.open({ migrated: false, ...options })
  onTestFinished(() => h.close())
  return h
}

/** The backends of this database that listen, or did last. */
async function listeners(h: Harness): Promise<number[]> {
  const rows = await h.query(
    `select pid from pg_stat_activity where datname = current_database() and query ~* '^ *listen'`,
  )
  return rows.map((row) => row['pid'] as number)
}

describe.each(serverDrivers)('listening over $name', (driver) => {
  test('calls back for each notification, until it is closed', async () => {
    const h = await open(driver)
    const onNotify = vi.fn<() => void>()
    const close = await h.database.listen!(channel, onNotify, () => {})
    onNotify.mockClear() // postgres-js also calls when it begins
    await h.query(`select pg_notify($1, '')`, [channel])
    await vi.waitFor(() => expect(onNotify).toHaveBeenCalledTimes(1))
    await h.query(`select pg_notify('another', '')`)
    await h.query(`select pg_notify($1, '')`, [channel])
    await vi.waitFor(() => expect(onNotify).toHaveBeenCalledTimes(2))
    await close()
    const control = vi.fn<() => void>()
    const closeControl = await h.database.listen!(channel, control, () => {})
    control.mockClear()
    await h.query(`select pg_notify($1, '')`, [channel])
    await vi.waitFor(() => expect(control).toHaveBeenCalled())
    await closeControl()
    expect(onNotify).toHaveBeenCalledTimes(2)
  })

  test('does not take a connection of the pool', async () => {
    const h = await open(driver, { max: 1 })
    const close = await h.database.listen!(
      channel,
      () => {},
      () => {},
    )
    await h.database.atomically(async () => {})
    await close()
  })
})

describe('listening over node-postgres', () => {
  test('says once that its connection is lost', async () => {
    const h = await open(nodePostgres)
    const lost = Promise.withResolvers<void>()
    const onLost = vi.fn<() => void>(lost.resolve)
    const close = await h.database.listen!(channel, () => {}, onLost)
    const [pid] = await listeners(h)
    await h.query('select pg_terminate_backend($1)', [pid])
    await lost.promise
    await close()
    expect(onLost).toHaveBeenCalledTimes(1)
  })

  test('ends its connection when it is closed, which is no loss', async () => {
    const h = await open(nodePostgres)
    const onLost = vi.fn<() => void>()
    const close = await h.database.listen!(channel, () => {}, onLost)
    expect(await listeners(h)).toHaveLength(1)
    await close()
    await vi.waitFor(async () => expect(await listeners(h)).toHaveLength(0))
    expect(onLost).not.toHaveBeenCalled()
  })

  test('rejects and leaves nothing open when it cannot begin', async () => {
    const h = await open(nodePostgres)
    const unquotable = 'a"b'
    await expect(
      h.database.listen!(
        unquotable,
        () => {},
        () => {},
      ),
    ).rejects.toMatchObject({
      code: '42601',
    })
    await vi.waitFor(async () => expect(await listeners(h)).toHaveLength(0))
  })
})

describe('listening over postgres-js', () => {
  test('begins again by itself when its connection is lost, and calls to have a look', async () => {
    const h = await open(postgresJs)
    const onNotify = vi.fn<() => void>()
    const close = await h.database.listen!(channel, onNotify, () => {})
    const [pid] = await listeners(h)
    onNotify.mockClear()
    await h.query('select pg_terminate_backend($1)', [pid])
    await vi.waitFor(() => expect(onNotify).toHaveBeenCalledTimes(1), { timeout: 10_000 })
    await h.query(`select pg_notify($1, '')`, [channel])
    await vi.waitFor(() => expect(onNotify).toHaveBeenCalledTimes(2))
    await close()
  })
})

describe.each(serverDrivers)('an outage while listening over $name', (driver) => {
  test('is survived: whoever is told of the loss, or nobody, can listen again', async () => {
    await using server = await startPostgres()
    const h = await driver.open({ url: server.url, migrated: false })
    const heard = vi.fn<() => void>()
    const closes: (() => Promise<void>)[] = []
    const listen = async (): Promise<void> => {
      closes.push(await h.database.listen!(channel, heard, () => void again()))
    }
    const again = async (): Promise<void> => {
      await vi.waitFor(listen, { timeout: 20_000, interval: 200 })
    }
    await listen()
    await server.shutdown()
    await expect(h.query('select 1')).rejects.toBeInstanceOf(Error)
    await server.start()
    await vi.waitFor(
      async () => {
        await h.query(`select pg_notify($1, '')`, [channel])
        expect(heard).toHaveBeenCalled()
      },
      { timeout: 20_000, interval: 200 },
    )
    for (const close of closes) await close().catch(() => {})
    await h.close()
  })
})
