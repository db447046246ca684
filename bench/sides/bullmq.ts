import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import type { Run, Side } from '../side.ts'

interface Numbered {
  readonly job: number
  readonly step: number
}

const best = { concurrency: 200 }
const options = { removeOnComplete: true }

/** It has no transaction with a database: `enqueue` adds a job, and no business row. */
export const bullmq: Side = {
  name: 'bullmq',
  about: `BullMQ: ${JSON.stringify({ ...best, ...options })}; a job's next step is a job that its handler adds; each write is on the disk before it is answered (appendfsync always)`,
  probe: {
    async left(url) {
      const redis = new Redis(url)
      const keys = await redis.keys('bull:numbered:*')
      await redis.quit()
      return keys.filter((key) => /:\d+$/.test(key)).length
    },
    business: async () => NaN,
  },
  install: async () => {},
  async fill(url, jobs) {
    const queue = new Queue<Numbered>('numbered', { connection: connectionTo(url) })
    for (let from = 0; from < jobs; from += 1_000) {
      const some = Array.from({ length: Math.min(1_000, jobs - from) }, (_, n) => from + n)
      await queue.addBulk(
        some.map((job) => ({ name: 'step', data: { job, step: 0 }, opts: options })),
      )
    }
    await queue.close()
  },
  async open(url, { steps, run, concurrency = best.concurrency }) {
    const connection = connectionTo(url)
    const queue = new Queue<Numbered>('numbered', { connection })
    const worker = run && work(queue, connection, steps, run, concurrency)
    await worker?.waitUntilReady()
    return {
      enqueue: async (job) => void (await queue.add('step', { job, step: 0 }, options)),
      async close() {
        await worker?.close()
        await queue.close()
      },
    }
  },
}

function work(
  queue: Queue<Numbered>,
  connection: ReturnType<typeof connectionTo>,
  steps: number,
  run: Run,
  concurrency: number,
): Worker<Numbered> {
  return new Worker<Numbered>(
    'numbered',
    async ({ data: { job, step } }) => {
      await run(job, step)
      if (step + 1 < steps) await queue.add('step', { job, step: step + 1 }, options)
    },
    { connection, concurrency },
  )
}

function connectionTo(url: string) {
  const { hostname: host, port } = new URL(url)
  return { host, port: Number(port), maxRetriesPerRequest: null }
}
