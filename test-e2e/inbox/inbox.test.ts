import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freshMongoDatabase, runChild, startMongo } from '@stepping/test-support'
import type { Child, MongoServer } from '@stepping/test-support'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { LibraryName } from '../matrix/libraries/index.ts'
import { productOf } from '../matrix/libraries/index.ts'
import type { Row, Table } from '../matrix/library.ts'
import { freshPlace } from '../matrix/places.ts'
import { Random } from '../simulation/random.ts'
import type { ConsumerEnvironment } from './consumer.ts'
import { makeDeliveries, makeMessages, stepNames } from './messages.ts'
import type { Message } from './messages.ts'
import { Queue } from './queue.ts'

const count = 200
const kills = 4
const seed = Number(process.env['INBOX_SEED'] ?? Date.now() % 1_000_000)

let mongo: MongoServer | undefined

afterAll(async () => {
  await mongo?.stop()
})

describe.each(['pg', 'mysql2', 'drizzle better-sqlite3', 'mongodb'] as const)('%s', (library) => {
  beforeAll(async () => {
    if (library !== 'mongodb') return
    // What a process had open when it was killed is open for so long; the default is a minute.
    mongo = await startMongo({ parameters: { transactionLifetimeLimitSeconds: '2' } })
  })

  test.each(['outbox', '2-phase'] as const)(
    'an inbox takes each message once, and each of its steps, over the %s path',
    { timeout: 120_000 },
    async (path) => {
      console.log(`INBOX_SEED=${seed}`)
      const random = new Random(seed)
      const messages = makeMessages(count, random)
      const deliveries = makeDeliveries(messages, random)
      const folder = await temporaryFolder()
      new Queue(folder).fill(deliveries)
      const env: Omit<ConsumerEnvironment, 'SEED'> = {
        LIBRARY: library,
        URL: await freshUrl(library, `inbox ${path}`),
        ...(path === '2-phase' && { STORE_URL: await freshUrl(library, 'inbox store') }),
        QUEUE: folder,
      }
      const consume = (more: Partial<ConsumerEnvironment> = {}): Child =>
        runChild(new URL('./consumer.ts', import.meta.url), {
          env: { ...env, SEED: `${random.whole(0, 1_000_000)}`, ...more },
        })

      const killed: Child[] = []
      for (let n = 0; n < kills; n++) {
        const consumer = consume(n === 0 ? { MIGRATE: '1' } : {})
        killed.push(consumer)
        const enough = random.whole(1, Math.floor(deliveries.length / (kills + 1)))
        await consumer.line((line) => line === `acknowledged ${enough}`)
        await delay(random.whole(0, 15))
        consumer.kill('SIGKILL')
        expect((await consumer.exit).signal).toBe('SIGKILL')
      }
      const last = consume()
      const orders = await rowsOf(last, 'orders')
      const ledger = await rowsOf(last, 'ledger')
      expect((await last.exit).code).toBe(0)

      expect(orders.map(({ gid }) => gid).toSorted()).toEqual(
        messages.map(({ id }) => id).toSorted(),
      )
      expect(ledger.map(({ gid, what }) => `${gid} ${what}`).toSorted()).toEqual(
        messages.flatMap(effectsOf).toSorted(),
      )
      const said = [...killed, last].flatMap(({ lines }) => lines)
      const times = (what: string): number => said.filter((line) => line.startsWith(what)).length
      console.log(`${times('handled before')} handled before, ${times('decided')} with another gid`)
      expect(times('handled before')).toBeGreaterThan(0)
    },
  )
})

function effectsOf({ id, steps }: Message): string[] {
  return stepNames.slice(0, steps).map((step) => `${id} ${step}`)
}

async function rowsOf(consumer: Child, table: Table): Promise<Row[]> {
  const head = `rows ${table} `
  const line = await consumer.line((each) => each.startsWith(head))
  return JSON.parse(line.slice(head.length)) as Row[]
}

async function freshUrl(library: LibraryName, label: string): Promise<string> {
  const place = mongo
    ? freshMongoDatabase(mongo.url, label)
    : await freshPlace(productOf(library), label)
  onTestFinished(() => place.drop())
  return place.url
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stepping-inbox-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}
