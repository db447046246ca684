import { defineStep, parkJob, unchecked } from '@stepping/core'
import type { Step } from '@stepping/core'
import type { SimulatedDatabase } from './database.ts'
import { poison } from './store.ts'
import type { Surroundings } from './surroundings.ts'

export type DatabaseName = 'orders' | 'ledger'

/** What a step does. It is the step's args, so it travels with the job. */
export interface StepPlan {
  readonly takesMs: number
  /** So many of its first attempts fail. */
  readonly fails: number
  /** So many of its first attempts never end by themselves. */
  readonly hangs: number
  /** Stops when its signal says so. */
  readonly obeys: boolean
  readonly parks?: 'by itself' | 'by poison'
  readonly once?: {
    readonly database: DatabaseName
    /** Once more, under a key of its own. */
    readonly again: boolean
    readonly child?: StepPlan
  }
}

export type StepName = 'Work' | 'Newer'

/** Where a step stands in which job: it comes back in the step's args. */
export type StepArgs = StepPlan & {
  readonly gid: string
  readonly at: number
  /** Which job it was meant for; repeats of a message have one origin. */
  readonly origin: number
}

export type Steps = Readonly<Record<StepName, Step<StepArgs>>>

/** As long as a timer can wait: longer than any schedule. */
const forEverMs = 2 ** 31 - 1

/** Long enough for every planned attempt but those that hang. */
export const stepTimeoutMs = 40_000

export function stepsOf(
  around: Surroundings,
  databases: Readonly<Record<DatabaseName, SimulatedDatabase>>,
): Steps {
  const define = (name: StepName): Step<StepArgs> => {
    const step: Step<StepArgs> = defineStep({
      name,
      args: unchecked<StepArgs>(),
      timeoutMs: stepTimeoutMs,
      backoff: { firstMs: 200, capMs: 5_000 },
      async run({ args, gid, index, signal, once }) {
        const { attempts } = around.checker
        const attempt = attempts.begin({ gid, index, args, signal, machine: around.machine })
        const goesWell = around.network.isMended
        const hangs = !goesWell && attempt.run <= args.hangs
        const takesMs = goesWell ? Math.min(args.takesMs, 100) : args.takesMs
        try {
          await sleep(hangs ? forEverMs : takesMs, args.obeys && signal)
          if (args.once) {
            const { child, again } = args.once
            const database = databases[args.once.database]
            assertReaches(database)
            await once(database, async (tx, job) => {
              await tx.insert(`once ${gid}/${index}`)
              if (child) job.addStep(step, { ...child, gid: job.gid, at: 0, origin: -1 })
              return gid
            })
            if (again) {
              await once(database, (tx) => tx.insert(`once ${gid}/${index}/again`), {
                key: 'again',
              })
            }
          }
          if (!goesWell && attempt.run <= args.fails) throw new Error('fails as planned')
          if (args.parks === 'by itself') parkJob('parks as planned')
          if (args.parks === 'by poison') throw new Error(`fails with ${poison}!`)
          attempts.complete(attempt)
        } finally {
          attempts.end(attempt)
        }
      },
    })
    return step
  }
  return { Work: define('Work'), Newer: define('Newer') }
}

/** Nothing but the person who misled this machine could keep its `once` from being in another database. */
function assertReaches({ ref, server }: SimulatedDatabase): void {
  if (server.name !== ref.name) throw new Error(`${ref.name} is ${server.name} here`)
}

/** Node keeps a signal that somebody listens to, and with it the whole world of a machine that died. */
const listening = new Set<() => void>()

export function stopListening(): void {
  for (const stop of listening) stop()
}

/** By the machine's timers, which `setTimeout` is while a schedule runs. */
export async function sleep(ms: number, signal: AbortSignal | false = false): Promise<void> {
  if (!signal) return await new Promise((resolve) => setTimeout(resolve, ms))
  const aborted = Promise.withResolvers<void>()
  const abort = (): void => aborted.reject(signal.reason as Error)
  const stop = (): void => {
    signal.removeEventListener('abort', abort)
    listening.delete(stop)
  }
  signal.addEventListener('abort', abort)
  listening.add(stop)
  if (signal.aborted) abort()
  try {
    await Promise.race([aborted.promise, sleep(ms)])
  } finally {
    stop()
  }
}
