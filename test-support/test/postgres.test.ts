import { access, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Client } from 'pg'
import { expect, onTestFinished, test, vi } from 'vitest'
import { runChild } from '../src/child.ts'
import { startPostgres } from '../src/postgres.ts'
import { childrenOf, isRunning } from '../src/process-tree.ts'

test('answers, and leaves neither process nor folder behind', async () => {
  const server = await startPostgres({ settings: { application_name: 'mine' } })
  const client = await connect(server.url)
  const { rows } = await client.query('select 1 as one, current_setting($1) as name', [
    'application_name',
  ])
  expect(rows).toEqual([{ one: 1, name: 'mine' }])
  const processes = await processesOf(server.dataDir)
  expect(processes.length).toBeGreaterThan(1)

  await server.stop()

  for (const pid of processes) expect(await isRunning(pid)).toBe(false)
  await expect(access(dirname(server.dataDir))).rejects.toThrow('ENOENT')
})

test('keeps acknowledged rows over a crash in the middle of writing', async () => {
  await using server = await startPostgres({ durable: true })
  const client = await connect(server.url)
  await client.query('create table written (n int primary key)')
  let acknowledged = 0
  const enough = Promise.withResolvers<void>()
  async function writeUntilItFails(): Promise<unknown> {
    try {
      for (;;) {
        await client.query('insert into written values ($1)', [acknowledged + 1])
        acknowledged += 1
        if (acknowledged === 50) enough.resolve()
      }
    } catch (error) {
      return error
    }
  }
  const interrupted = writeUntilItFails()
  await enough.promise
  const processes = await processesOf(server.dataDir)

  await server.kill()

  for (const pid of processes) expect(await isRunning(pid)).toBe(false)
  expect(await interrupted).toBeInstanceOf(Error)
  await server.start()
  const again = await connect(server.url)
  const { rows } = await again.query('select count(*)::int as kept from written')
  expect(rows[0].kept).toBeGreaterThanOrEqual(acknowledged)
})

test('comes back after an outage on the same port with its data', async () => {
  await using server = await startPostgres()
  const client = await connect(server.url)
  await client.query('create table kept as select 1 as n')

  await server.shutdown()

  await expect(connect(server.url)).rejects.toThrow('ECONNREFUSED')
  await server.start()
  const again = await connect(server.url)
  expect((await again.query('select n from kept')).rows).toEqual([{ n: 1 }])
})

test('says why it does not start', async () => {
  const starting = startPostgres({ settings: { max_connections: 'many' } })
  await expect(starting).rejects.toThrow(/invalid value for parameter "max_connections"/)
})

test('ends with the process that started it, even if that is killed', async () => {
  const owner = runChild(new URL('children/postgres-owner.ts', import.meta.url))
  const started = await owner.line((line) => line.startsWith('started '))
  const dataDir = started.slice('started '.length)
  const processes = await processesOf(dataDir)

  owner.kill('SIGKILL')

  await vi.waitFor(
    async () => {
      for (const pid of processes) expect(await isRunning(pid)).toBe(false)
      await expect(access(dirname(dataDir))).rejects.toThrow('ENOENT')
    },
    { timeout: 10_000 },
  )
})

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {}) // The server goes away on purpose.
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

/** The server's main process and its children. */
async function processesOf(dataDir: string): Promise<number[]> {
  const pidFile = await readFile(join(dataDir, 'postmaster.pid'), 'utf8')
  const main = Number(pidFile.split('\n')[0])
  return [main, ...(await childrenOf(main))]
}
