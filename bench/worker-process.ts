import { fork } from 'node:child_process'
import { once } from 'node:events'

export interface WorkerOrder {
  readonly side: string
  readonly url: string
  /** Their numbers begin at 0. */
  readonly jobs: number
  /** What each step waits. */
  readonly waitMs?: number
  readonly concurrency?: number
  /** Tells of each start at once. */
  readonly tell?: boolean
}

export type WorkerMessage =
  /** Its side is loaded, or open. */
  | { readonly type: 'loaded' | 'opened' }
  | { readonly type: 'started'; readonly job: number; readonly at: number }
  | { readonly type: 'done'; readonly count: number }
  | { readonly type: 'stopped'; readonly times: readonly number[]; readonly peakMb: number }

export interface WorkerProcess {
  /** Resolves when it waits for work, or is at it. */
  open(): Promise<void>
  onStarted: (job: number, at: number) => void
  onDone: (count: number) => void
  /** Resolves with how often it did each job, and the most memory it took. */
  stop(): Promise<{ times: Uint8Array; peakMb: number }>
}

/** A process that executes, and does not enqueue. */
export async function forkWorker(order: WorkerOrder): Promise<WorkerProcess> {
  const child = fork(new URL('worker.ts', import.meta.url), [JSON.stringify(order)])
  const stopped = Promise.withResolvers<{ times: Uint8Array; peakMb: number }>()
  const loaded = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  const worker: WorkerProcess = {
    onStarted: () => {},
    onDone: () => {},
    open: () => {
      child.send('open')
      return opened.promise
    },
    async stop() {
      child.send('stop')
      const result = await stopped.promise
      if (child.exitCode === null) await once(child, 'exit')
      return result
    },
  }
  child.on('message', (message: WorkerMessage) => {
    if (message.type === 'loaded') loaded.resolve()
    if (message.type === 'opened') opened.resolve()
    if (message.type === 'started') worker.onStarted(message.job, message.at)
    if (message.type === 'done') worker.onDone(message.count)
    if (message.type === 'stopped') {
      stopped.resolve({ times: Uint8Array.from(message.times), peakMb: message.peakMb })
    }
  })
  child.once('exit', (code) => {
    const error = new Error(`The worker of ${order.side} ended with ${code}.`)
    loaded.reject(error)
    opened.reject(error)
    stopped.reject(error)
  })
  for (const { promise } of [opened, stopped]) promise.catch(() => {}) // told by open() and stop()
  await loaded.promise
  return worker
}
