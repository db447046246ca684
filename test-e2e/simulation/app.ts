import { createStepping, silentLogger } from '@stepping/core'
import type { Stepping, SteppingEvent } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { SimulatedDatabase } from './database.ts'
import { DatabaseError } from './database-server.ts'
import type { DatabaseServer } from './database-server.ts'
import { isOfMessage } from './plan.ts'
import { sleep, stepsOf } from './steps.ts'
import type { DatabaseName, StepName, Steps } from './steps.ts'
import { storeOf } from './store.ts'
import type { StoreServer } from './store-server.ts'
import type { Surroundings } from './surroundings.ts'

export interface AppOptions {
  readonly concurrency: number
  readonly execute: boolean
  /** Its `ledger` is another database than that of all others: a restored copy, say. */
  readonly isMisled: boolean
  /** Of an earlier release: it does not know the step `Newer`. */
  readonly isOld: boolean
  /** Whether its library shows the server's word for a COMMIT. */
  readonly proves: boolean
  readonly pruneEveryMs: number
}

export interface Servers {
  readonly orders: StoreServer
  readonly ledger: DatabaseServer
  readonly copy: DatabaseServer
}

/** The engine as it is shipped, in one machine. Only its store, its databases and its runtime are simulated. */
export class App {
  readonly stepping: Stepping
  readonly databases: Readonly<Record<DatabaseName, SimulatedDatabase>>
  readonly steps: Steps
  readonly around: Surroundings
  readonly isMisled: boolean
  hasStarted = false
  readonly #isOld: boolean

  constructor(around: Surroundings, servers: Servers, options: AppOptions) {
    const { concurrency, execute, isOld, isMisled, proves, pruneEveryMs } = options
    const ledger = isMisled ? servers.copy : servers.ledger
    this.around = around
    this.#isOld = isOld
    this.isMisled = isMisled
    this.databases = {
      orders: new SimulatedDatabase('orders', servers.orders, around, proves),
      ledger: new SimulatedDatabase('ledger', ledger, around, proves),
    }
    this.steps = stepsOf(around, this.databases)
    const store = storeOf(this.databases.orders, servers.orders, around)
    this.stepping = createStepping({
      app: 'shop',
      tm: selfTm({ store, concurrency, pruneEveryMs }),
      databases: Object.values(this.databases),
      steps: isOld ? [this.steps.Work] : Object.values(this.steps),
      execute,
      logger: silentLogger,
      onEvent: (event) => this.#hear(event),
    })
  }

  /** As a supervisor would: again and again. */
  async start(): Promise<void> {
    for (;;) {
      try {
        await this.stepping.start()
        this.hasStarted = true
        return
      } catch (error) {
        this.write(() => `does not start: ${String(error)}`)
        await sleep(1_000)
      }
    }
  }

  step(name: StepName): Steps[StepName] {
    return this.steps[this.#isOld ? 'Work' : name]
  }

  told(gid: string, what: unknown): void {
    this.write(() => `the caller of ${gid} was told: ${String(what)}`)
  }

  fail(text: string): void {
    this.around.checker.fail(`${this.around.machine.name}: ${text}`)
  }

  isDatabaseError(error: unknown): boolean {
    return (
      error instanceof DatabaseError || /^no answer within \d+ ms$/.test((error as Error).message)
    )
  }

  write(line: () => string): void {
    this.around.trace.write(() => `${this.around.machine.name}: ${line()}`)
  }

  #hear(event: SteppingEvent): void {
    this.write(() => `event ${JSON.stringify(event)}`)
    const { checker } = this.around
    // Of a message, another transaction than the one that is missing may have committed.
    const isMissing = event.type === 'job.missing' && !isOfMessage(event.gid)
    const isWrong =
      (isMissing && checker.clocksAreGood && checker.isCommitted(event.gid)) ||
      (event.type === 'job.rolledBack' && checker.isCommitted(event.gid)) ||
      (event.type === 'job.finished' && !checker.isCommitted(event.gid))
    if (isWrong) this.fail(`reported ${event.type} of ${event.gid}`)
  }
}
