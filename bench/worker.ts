import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { now } from './clock.ts'
import { sideNamed } from './sides/index.ts'
import type { WorkerMessage, WorkerOrder } from './worker-process.ts'

// A process that executes: `worker.ts <order>`, until it is told to stop.
const order = JSON.parse(process.argv[2]!) as WorkerOrder
const times = new Uint8Array(order.jobs)
let count = 0
let peakMb = 0

const side = await sideNamed(order.side)
send({ type: 'loaded' })
// Whoever measures is gone: nobody else would end this process.
process.once('disconnect', () => process.exit())
await once(process, 'message')
const open = await side.open(order.url, {
  connections: 10,
  steps: 1,
  ...(order.concurrency && { concurrency: order.concurrency }),
  async run(job) {
    if (order.tell) return send({ type: 'started', job, at: now() })
    if (order.waitMs) await delay(order.waitMs)
    times[job]!++
    if (++count % 100 === 0) send({ type: 'done', count })
    if (count % 1_000 === 0) peakMb = Math.max(peakMb, process.memoryUsage.rss() / 2 ** 20)
  },
})
send({ type: 'opened' })
await once(process, 'message')
await open.close()
// A hundred thousand numbers take more than one write: what is not written at a disconnect is lost.
send({ type: 'stopped', times: [...times], peakMb }, () => process.disconnect())

function send(message: WorkerMessage, onSent: () => void = () => {}): void {
  process.send!(message, onSent)
}
