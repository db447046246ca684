import { access, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createConnection, type Connection } from 'mysql2/promise'
import { expect, onTestFinished, test, vi } from 'vitest'
import { runChild } from '../src/child.ts'
import { startMariadb } from '../src/mariadb.ts'
import { isRunning } from '../src/process-tree.ts'

test('answers, and leaves neither process nor folder behind', async () => {
  const server = await startMariadb({ settings: { 'max-connections': '17' } })
  const connection = await connect(server.url)
  const [rows] = await connection.query('select 1 as one, @@max_connections as most')
  expect(rows).toEqual([{ one: 1, most: 17 }])
  const pid = await processOf(server.dataDir)

  await server.stop()

  expect(await isRunning(pid)).toBe(false)
  await expect(access(dirname(server.dataDir))).rejects.toThrow('ENOENT')
})

test('keeps acknowledged rows over a crash in the middle of writing', async () => {
  await using server = await startMariadb({ durable: true })
  const connection = await connect(server.url)
  await connection.query('create database kept')
  await connection.query('create table kept.written (n int primary key)')
  let acknowledged = 0
  const enough = Promise.withResolvers<void>()
  async function writeUntilItFails(): Promise<unknown> {
    try {
      for (;;) {
        await connection.query('insert into kept.written values (?)', [acknowledged + 1])
        acknowledged += 1
        if (acknowledged === 50) enough.resolve()
      }
    } catch (error) {
      return error
    }
  }
  const interrupted = writeUntilItFails()
  await enough.promise
  const pid = await processOf(server.dataDir)

  await server.kill()

  expect(await isRunning(pid)).toBe(false)
  expect(await interrupted).toBeInstanceOf(Error)
  await server.start()
  const again = await connect(server.url)
  const [rows] = await again.query('select count(*) as kept from kept.written')
  expect((rows as { kept: number }[])[0]!.kept).toBeGreaterThanOrEqual(acknowledged)
})

test('comes back after an outage on the same port with its data', async () => {
  await using server = await startMariadb()
  const connection = await connect(server.url)
  await connection.query('create database kept')

  await server.shutdown()

  await expect(connect(server.url)).rejects.toThrow('ECONNREFUSED')
  await server.start()
  const again = await connect(server.url)
  const [rows] = await again.query(`show databases like 'kept'`)
  expect(rows).toHaveLength(1)
})

test('says why it does not start', async () => {
  const starting = startMariadb({ settings: { 'no-such-setting': '1' } })
  await expect(starting).rejects.toThrow(/unknown variable 'no-such-setting=1'/)
})

test('ends with the process that started it, even if that is killed', async () => {
  const owner = runChild(new URL('children/mariadb-owner.ts', import.meta.url))
  const started = await owner.line((line) => line.startsWith('started '))
  const dataDir = started.slice('started '.length)
  const pid = await processOf(dataDir)

  owner.kill('SIGKILL')

  await vi.waitFor(
    async () => {
      expect(await isRunning(pid)).toBe(false)
      await expect(access(dirname(dataDir))).rejects.toThrow('ENOENT')
    },
    { timeout: 10_000 },
  )
})

async function connect(url: string): Promise<Connection> {
  const connection = await createConnection(url)
  connection.on('error', () => {}) // The server goes away on purpose.
  onTestFinished(() => connection.destroy())
  return connection
}

async function processOf(dataDir: string): Promise<number> {
  return Number(await readFile(join(dirname(dataDir), 'pid'), 'utf8'))
}
