import { AsyncLocalStorage } from 'node:async_hooks'
import { Cleaner, describeError, isSteppingError, SteppingError } from '@stepping/core'
import type {
  FailedOutcome,
  JobAdmin,
  JobRecord,
  Participant,
  StepCall,
  TransactionManager,
} from '@stepping/core'
import { Attempts } from './attempts.ts'
import type { Callback } from './callback.ts'
import { Delivery } from './delivery.ts'
import type { Door } from './door.ts'
import { DtmApi, messageIn } from './dtm-api.ts'
import { dtmGid } from './dtm-gid.ts'
import { jobAdmin } from './job-admin.ts'
import { firstIntervalMs, timingOf } from './job-options.ts'
import { Ledger } from './ledger.ts'
import { messageOf } from './message.ts'
import type { DtmSettings } from './options.ts'
import type { Orders } from './orders.ts'

/** How messages go between DTM and the app. */
export interface Transport {
  readonly callback: Callback
  readonly orders: Orders
  /** Lets go of what it holds. */
  close?(): void
}

/** The longest message of a step: its args, of which core takes 1 MiB, and what is around them. */
const maxBodyBytes = 1024 * 1024 + 16 * 1024

/** How long DTM is asked for what is only told to people. */
const lookMs = 1_000

/** Has the jobs kept and driven by a DTM server, whatever the transport. */
export class DtmTransactionManager implements TransactionManager {
  readonly kind = 'dtm'
  readonly jobs: JobAdmin
  /** For what answers DTM's calls. */
  protected readonly door: Door
  protected readonly settings: DtmSettings
  readonly #api: DtmApi
  readonly #transport: Transport
  readonly #deliveries = new WeakMap<JobRecord, Delivery>()
  #participant: Participant | undefined
  #attempts: Attempts | undefined
  #cleaner: Cleaner | undefined
  #closing: Promise<void> | undefined

  constructor(settings: DtmSettings, transport: (api: DtmApi) => Transport) {
    this.settings = settings
    this.#api = new DtmApi(settings.server, settings.requestTimeoutMs)
    this.#transport = transport(this.#api)
    const unknownSteps = new Set<string>()
    this.door = {
      ...settings,
      maxBodyBytes,
      retryMs: firstIntervalMs(timingOf(settings.jobs, 'dtm')),
      participant: () => this.#participant,
      attempts: () => this.#attempts,
      unknownSteps,
      isCapped: (gid) => this.#isCapped(gid),
    }
    this.jobs = jobAdmin(this.#api, this.#transport.orders, settings, () => ({
      participant: this.#participant,
      attempts: this.#attempts,
      closed: this.#closing !== undefined,
      unknownSteps,
    }))
  }

  async start(participant: Participant, { execute }: { execute: boolean }): Promise<void> {
    await this.#assertReachable()
    await this.settings.ledger?.identity()
    if (execute) {
      this.#attempts = this.#createAttempts(participant)
      this.#cleaner = new Cleaner(this.jobs, participant, this.settings.pruneEveryMs)
    }
    this.#participant = participant
  }

  async migrate(): Promise<void> {
    await this.settings.ledger?.migrate()
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    const { drainMs } = this.settings
    await Promise.all([this.#cleaner?.close(drainMs), this.#attempts?.close(drainMs)])
    this.#participant = undefined
    this.#transport.close?.()
    await this.#api.close()
  }

  async prepare(job: JobRecord): Promise<void> {
    await this.#deliveryOf(job).prepare()
  }

  async submit(job: JobRecord): Promise<void> {
    await this.#deliveryOf(job).submit()
  }

  async abort(job: JobRecord): Promise<void> {
    await this.#deliveryOf(job).abort()
  }

  /** Made once for a record: all its sends are one and the same message. */
  #deliveryOf(job: JobRecord): Delivery {
    let delivery = this.#deliveries.get(job)
    if (!delivery) {
      const { callback, orders } = this.#transport
      const message = messageOf(job, callback, this.settings)
      delivery = new Delivery(this.#api, orders, job, message)
      this.#deliveries.set(job, delivery)
    }
    return delivery
  }

  #createAttempts(participant: Participant): Attempts {
    const { concurrency, parkedRetryMs, ledger: database } = this.settings
    const runner = database ? new Ledger(database, participant) : undefined
    const run = (call: StepCall) => (runner ? runner.run(call) : participant.runStep(call))
    // A step must not see the request that brought it as open around it, nor what the app keeps there.
    const outside = AsyncLocalStorage.snapshot()
    return new Attempts({
      concurrency,
      parkedMs: parkedRetryMs,
      run: (call) => {
        const nextTryInMs = (outcome: FailedOutcome) => this.#nextTryInMs(call, outcome)
        return outside(() => run({ ...call, nextTryInMs }))
      },
      onParked: ({ gid, name }, error) =>
        participant.report({ type: 'job.parked', gid, step: name, error }),
    })
  }

  /** Not before DTM calls: by the wait that it has, or by twice as much when it is told of a failure. */
  async #nextTryInMs({ gid }: StepCall, { error, retryInMs }: FailedOutcome): Promise<number> {
    try {
      const { transaction } = await this.#api.query(dtmGid(gid), { timeoutMs: lookMs })
      const waitMs = (transaction?.next_cron_interval ?? 0) * 1_000
      const stays = isSteppingError(error, 'STEP_RETRY') || waitMs >= this.settings.longestRetryMs
      return Math.max(retryInMs, stays ? waitMs : 2 * waitMs)
    } catch {
      return retryInMs
    }
  }

  async #isCapped(gid: string): Promise<boolean> {
    try {
      const { transaction } = await this.#api.query(gid)
      return (transaction?.next_cron_interval ?? 0) * 1_000 >= this.settings.longestRetryMs
    } catch {
      return false
    }
  }

  async #assertReachable(): Promise<void> {
    const { origin } = this.settings.server
    try {
      const answer = await this.#api.version()
      if (answer.status !== 200) throw new Error(`it answered ${messageIn(answer)}`)
      await this.#transport.orders.reach()
    } catch (cause) {
      throw new SteppingError(
        'TM_UNREACHABLE',
        `The DTM server at ${origin} does not answer as one: ${describeError(cause)}. Check the address, and that it runs.`,
        { cause },
      )
    }
  }
}
