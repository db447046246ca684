import { access, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MongoClient } from 'mongodb'
import { expect, onTestFinished, test, vi } from 'vitest'
import { runChild } from '../src/child.ts'
import { startMongo } from '../src/mongo.ts'
import { isRunning } from '../src/process-tree.ts'

test('has transactions, and leaves neither process nor folder behind', async () => {
  const server = await startMongo()
  const client = connect(server.url)
  const written = await client.withSession((session) =>
    session.withTransaction(async () => {
      await client.db('own').collection('rows').insertOne({ n: 1 }, { session })
      return 'written'
    }),
  )
  expect(written).toBe('written')
  const pid = await pidOf(server.dataDir)

  await server.stop()

  expect(await isRunning(pid)).toBe(false)
  await expect(access(dirname(server.dataDir))).rejects.toThrow('ENOENT')
})

test('keeps acknowledged rows over a crash in the middle of writing', async () => {
  await using server = await startMongo()
  const rows = connect(server.url).db('own').collection<{ _id: number }>('written')
  let acknowledged = 0
  const enough = Promise.withResolvers<void>()
  async function writeUntilItFails(): Promise<unknown> {
    try {
      for (;;) {
        await rows.insertOne({ _id: acknowledged + 1 }, { writeConcern: { w: 'majority' } })
        acknowledged += 1
        if (acknowledged === 50) enough.resolve()
      }
    } catch (error) {
      return error
    }
  }
  const interrupted = writeUntilItFails()
  await enough.promise
  const pid = await pidOf(server.dataDir)

  await server.kill()

  expect(await isRunning(pid)).toBe(false)
  expect(await interrupted).toBeInstanceOf(Error)
  await server.start()
  const again = connect(server.url).db('own').collection('written')
  expect(await again.countDocuments()).toBeGreaterThanOrEqual(acknowledged)
})

test('comes back after an outage on the same port with its data', async () => {
  await using server = await startMongo()
  await connect(server.url).db('own').collection('kept').insertOne({ n: 1 })

  await server.shutdown()

  await expect(connect(server.url).connect()).rejects.toThrow('ECONNREFUSED')
  await server.start()
  const kept = connect(server.url).db('own').collection('kept')
  expect(await kept.findOne()).toMatchObject({ n: 1 })
})

test('says why it does not start', async () => {
  const starting = startMongo({ parameters: { noSuchParameter: '1' } })
  await expect(starting).rejects.toThrow(/noSuchParameter/)
})

test('ends with the process that started it, even if that is killed', async () => {
  const owner = runChild(new URL('children/mongo-owner.ts', import.meta.url))
  const started = await owner.line((line) => line.startsWith('started '))
  const dataDir = started.slice('started '.length)
  const pid = await pidOf(dataDir)

  owner.kill('SIGKILL')

  await vi.waitFor(
    async () => {
      expect(await isRunning(pid)).toBe(false)
      await expect(access(dirname(dataDir))).rejects.toThrow('ENOENT')
    },
    { timeout: 10_000 },
  )
})

test('without a replica set it has no transactions', async () => {
  await using server = await startMongo({ standalone: true })
  const client = connect(server.url)
  const transaction = client.withSession((session) =>
    session.withTransaction(() => client.db('own').collection('rows').insertOne({}, { session })),
  )
  await expect(transaction).rejects.toThrow('does not support')
})

test('with logins it refuses whoever does not log in', async () => {
  await using server = await startMongo({ auth: true })
  const stranger = new URL(server.url)
  stranger.username = stranger.password = ''
  await expect(insert(stranger.href)).rejects.toMatchObject({ code: 13 })
  await expect(insert(server.url)).resolves.toMatchObject({ acknowledged: true })
})

function connect(url: string): MongoClient {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 1_000 })
  onTestFinished(() => client.close())
  return client
}

async function insert(url: string): Promise<unknown> {
  return await connect(url).db('own').collection('rows').insertOne({})
}

async function pidOf(dataDir: string): Promise<number> {
  return Number(await readFile(join(dataDir, 'mongod.lock'), 'utf8'))
}
