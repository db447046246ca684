import { describeError, isSteppingError, SteppingError } from '@stepping/core'
import type { JobRecord, SteppingErrorCode } from '@stepping/core'
import { monotonicMs } from './clock.ts'
import { NoAnswer } from './dtm-api.ts'
import type { DtmApi, DtmQuery } from './dtm-api.ts'
import type { DtmMessage } from './message.ts'
import type { Orders, Verdict } from './orders.ts'
import { sameJob, sameSending, sameSteps } from './stored-message.ts'

/**
 * Before DTM may ask by itself the submit has to be there: were both to start the job, its steps
 * would be called twice, side by side. DTM's SQL stores round times to the second.
 */
const marginMs = 1_000

/** How long a caller waits to be told how its submit ended, beyond the submit itself. */
const lookMs = 1_000

/** One job on its way to DTM. One object for all sends of a record: it knows what may have arrived. */
export class Delivery {
  readonly #api: DtmApi
  readonly #orders: Orders
  readonly #job: JobRecord
  readonly #message: DtmMessage
  readonly #body: Uint8Array
  /** When the first prepare was sent, from which DTM counts; monotonic. */
  #preparedAtMs: number | undefined
  /** The same in epoch milliseconds: the monotonic clock stands still while the machine sleeps, DTM's does not. */
  #preparedAt = 0
  /** DTM asks about the job at any moment or has started it: a submit would start it once more. */
  #startsAlone = false
  #isDropped = false
  #submitting: Promise<void> | undefined

  constructor(api: DtmApi, orders: Orders, job: JobRecord, message: DtmMessage) {
    this.#api = api
    this.#orders = orders
    this.#job = job
    this.#message = message
    this.#body = orders.encode(message)
  }

  /** See `TransactionManager.prepare`. */
  async prepare(): Promise<void> {
    const { gid, notAfter, callerGid } = this.#job
    if (Date.now() >= notAfter) {
      throw this.#error('BARRIER_EXPIRED', 'began too long ago to be sent now. Begin again')
    }
    if (this.#preparedAtMs === undefined) {
      this.#preparedAtMs = monotonicMs()
      this.#preparedAt = Date.now()
    }
    const { is, reason } = await this.#sendPrepare()
    if (is === 'refused') throw this.#error('TM_REFUSED', `was refused by DTM (${reason})`)
    // A prepare that meets a job is a success, whatever that job is.
    if (is === 'unfit' || callerGid) this.#compare(await this.#look(gid))
  }

  /** See `TransactionManager.submit`. */
  async submit(): Promise<void> {
    if (this.#isDropped) {
      throw this.#error(
        'TRANSACTION_ROLLED_BACK',
        'was dropped, because its transaction rolled back',
      )
    }
    const alone = this.#job.database === undefined
    if (alone) await this.prepare()
    try {
      this.#submitting ??= this.#submit()
      await this.#submitting
    } catch (error) {
      // Prepared is enough: DTM will ask, be told that it is committed, and start it.
      if (alone && isSteppingError(error, 'SUBMIT_DEFERRED')) return
      throw error
    }
  }

  /** See `TransactionManager.abort`. */
  async abort(): Promise<void> {
    const { is, reason } = await this.#orders.abort(this.#message.gid)
    if (is !== 'taken') throw this.#error('TM_REFUSED', `was not dropped by DTM (${reason})`)
    this.#isDropped = true
  }

  async #sendPrepare(): Promise<Verdict> {
    const send = (): Promise<Verdict> => this.#orders.prepare(this.#body)
    try {
      return await send().catch(async (error: unknown) => {
        if (error instanceof NoAnswer && error.brokeOff) return await send()
        throw error
      })
    } catch (error) {
      throw this.#error('TM_UNREACHABLE', `was not taken by DTM: ${describeError(error)}`, error)
    }
  }

  /**
   * At most once: DTM calls all steps of a submitted job again when the submit is repeated, those
   * that are done too.
   */
  async #submit(): Promise<void> {
    if (this.#preparedAtMs === undefined) return await this.#report('it was prepared elsewhere')
    if (this.#startsAlone) return await this.#report('DTM had it before')
    const { timing, options, steps } = this.#message
    const windowMs = timing.timeoutToFail * 1_000 - marginMs
    const sendBeforeMs = this.#preparedAtMs + windowMs
    const isLate = monotonicMs() >= sendBeforeMs || Date.now() >= this.#preparedAt + windowMs
    if (isLate) return await this.#report('its time was up')
    const waitMs = options.wait_result ? steps.length * timing.requestTimeout * 1_000 : 0
    let verdict
    try {
      verdict = await this.#orders.submit(this.#body, { sendBeforeMs, waitMs })
    } catch (error) {
      // Nothing went out, so it may be tried again.
      if (error instanceof NoAnswer && !error.sent) this.#submitting = undefined
      return await this.#report(describeError(error), error)
    }
    if (verdict.is !== 'taken') await this.#report(verdict.reason)
  }

  /** What became of a submit, by what DTM says of the job. Only to tell: nothing is sent again. */
  async #report(why: string, cause?: unknown): Promise<void> {
    let found
    try {
      found = (await this.#api.query(this.#message.gid, { timeoutMs: lookMs })).transaction
    } catch {
      throw this.#deferred(why, cause)
    }
    const status = found?.status
    if (status === 'submitted' || status === 'succeed') return
    if (status === 'prepared') throw this.#deferred(why, cause)
    throw this.#error(
      'JOB_LOST',
      `is ${status ?? 'unknown'} in DTM although it is committed: its steps will not run. Somebody stopped it there, or answered query prepared for it; create it again if it is still wanted`,
      cause,
    )
  }

  async #look(gid: string): Promise<DtmQuery> {
    try {
      return await this.#api.query(this.#message.gid)
    } catch (error) {
      throw this.#error(
        'TM_UNREACHABLE',
        `was taken by DTM, which did not say whether ${gid} was there before: ${describeError(error)}`,
        error,
      )
    }
  }

  /** @throws SteppingError unless what DTM has is this very job, still to be started or started by this sending. */
  #compare({ transaction, branches }: DtmQuery): void {
    const job = this.#job
    if (!transaction) throw this.#error('TM_REFUSED', 'is unknown to DTM, which had taken it')
    const { status } = transaction
    const isMine = sameSending(transaction, this.#message.question)
    if (status === 'failed' || status === 'aborting') {
      throw isMine
        ? this.#error(
            'BARRIER_DECIDED',
            'was decided as rolled back, because DTM asked about it before. Roll the transaction back and begin again with a new job',
          )
        : this.#error(
            'JOB_STATE',
            'is over in DTM: rolled back, or stopped. Begin again with another gid',
          )
    }
    if (isMine) {
      // DTM has asked meanwhile, and started it.
      if (status !== 'prepared') this.#startsAlone = true
      return
    }
    if (!sameJob(transaction, job)) {
      throw this.#error(
        'JOB_CONFLICT',
        'exists with another app or database. Use a gid for one job only',
      )
    }
    if (status === 'prepared' && !sameSteps(branches, this.#message.steps)) {
      throw this.#error('JOB_CONFLICT', 'exists with other steps. Use a gid for one job only')
    }
    if (status !== 'prepared' || !job.database) {
      throw this.#error(
        'JOB_DUPLICATE',
        `exists already. If the gid is a message's id, the message was handled`,
      )
    }
    this.#startsAlone = true
  }

  #deferred(why: string, cause?: unknown): SteppingError {
    return this.#error(
      'SUBMIT_DEFERRED',
      `was not submitted (${why}). DTM will ask about it and start it`,
      cause,
    )
  }

  #error(code: SteppingErrorCode, text: string, cause?: unknown): SteppingError {
    const { gid } = this.#job
    const options = cause === undefined ? { gid } : { gid, cause }
    return new SteppingError(code, `Job ${gid} ${text}.`, options)
  }
}
