import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'

/** Schedules to go through, with one known defect or none. */
export interface Hunt {
  readonly from: number
  readonly to: number
  /** The name of one of `defects`. */
  readonly defect?: string
}

export interface Found {
  /** How many schedules were gone through. */
  readonly schedules: number
  readonly attempts: number
  readonly virtualMs: number
  /** The first one with a violation; of a defect: with the one that shows it. */
  readonly seed?: number
  readonly violations: readonly string[]
}

/** Goes through schedules in a thread of its own, until one of them shows something. */
export async function hunt(hunted: Hunt): Promise<Found> {
  return await new Promise((resolve, reject) => {
    const worker = new Worker(new URL('thread.ts', import.meta.url), {
      workerData: hunted,
      execArgv: ['--conditions=@stepping/source'],
    })
    worker.once('message', (found: Found) => {
      resolve(found)
      void worker.terminate()
    })
    worker.once('error', reject)
  })
}

/** The same in as many threads as there are processors. */
export async function huntEverywhere(from: number, count: number): Promise<readonly Found[]> {
  const threads = Math.min(availableParallelism(), 8, count)
  const share = Math.ceil(count / threads)
  const starts = Array.from({ length: threads }, (_, n) => from + n * share)
  return await Promise.all(
    starts.map((start) => hunt({ from: start, to: Math.min(start + share, from + count) })),
  )
}
