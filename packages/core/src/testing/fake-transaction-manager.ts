import type { AnyDatabase, DbContext } from '../db-context.ts'
import type { JobAdmin } from '../job-admin.ts'
import type {
  Enlistment,
  JobRecord,
  Participant,
  TransactionManager,
} from '../transaction-manager.ts'
import { Faults } from './faults.ts'

type Method = 'start' | 'close' | 'migrate' | 'prepare' | 'submit' | 'enlist' | 'abort'

/** Writes down what it is told. It runs nothing: tests call the participant that it was given. */
export class FakeTransactionManager implements TransactionManager {
  readonly kind = 'fake'
  readonly database?: AnyDatabase
  readonly jobs?: JobAdmin
  readonly faults = new Faults<Method>()
  /** What happens, in order: the array may be shared with databases. */
  readonly log: string[]
  readonly sent: { readonly method: Method; readonly job: JobRecord }[] = []
  /** Whether jobs can be stored inside the transactions that they are tied to. */
  enlists = false
  participant: Participant | undefined
  execute: boolean | undefined

  constructor(log: string[] = [], parts: { database?: AnyDatabase; jobs?: JobAdmin } = {}) {
    this.log = log
    Object.assign(this, parts)
  }

  /** The jobs that were sent by this method, in order. */
  jobsBy(method: Method): JobRecord[] {
    return this.sent.filter((each) => each.method === method).map(({ job }) => job)
  }

  async start(participant: Participant, { execute }: { execute: boolean }): Promise<void> {
    this.log.push('start')
    await this.faults.reach('start')
    this.participant = participant
    this.execute = execute
  }

  async close(): Promise<void> {
    this.log.push('close')
    await this.faults.reach('close')
  }

  async migrate(): Promise<void> {
    this.log.push('migrate tm')
    await this.faults.reach('migrate')
  }

  async prepare(job: JobRecord): Promise<void> {
    await this.#send('prepare', job)
  }

  async submit(job: JobRecord): Promise<void> {
    await this.#send('submit', job)
  }

  async abort(job: JobRecord): Promise<void> {
    await this.#send('abort', job)
  }

  async enlist(
    _context: DbContext,
    job: JobRecord,
    before: () => Promise<void>,
  ): Promise<Enlistment | undefined> {
    if (!this.enlists) return undefined
    await before()
    await this.#send('enlist', job)
    return {
      committed: (proven) => {
        this.log.push(proven ? 'enlisted job committed' : 'enlisted job committed unproven')
      },
      notCommitted: () => {
        this.log.push('enlisted job not committed')
      },
    }
  }

  async #send(method: Method, job: JobRecord): Promise<void> {
    this.log.push(method)
    this.sent.push({ method, job })
    await this.faults.reach(method)
  }
}
