import { App } from './app.ts'
import type { AppOptions, Servers } from './app.ts'
import { Checker } from './checker.ts'
import { DatabaseServer } from './database-server.ts'
import { Machine } from './machine.ts'
import { endings, Network } from './network.ts'
import type { Random } from './random.ts'
import { Scheduler } from './scheduler.ts'
import { StoreServer } from './store-server.ts'
import { Trace } from './trace.ts'
import { subjects } from './weather.ts'
import type { Theme } from './weather.ts'

export interface WorldOptions {
  readonly random: Random
  readonly theme: Theme
  readonly clocksAreGood: boolean
  readonly traces: boolean
}

/** Servers that never die, machines that do, and the network between them. */
export class World {
  readonly scheduler: Scheduler = new Scheduler()
  readonly random: Random
  readonly theme: Theme
  readonly trace: Trace
  readonly network: Network
  readonly checker: Checker
  readonly servers: Servers
  /** The apps of all machines that are alive. */
  readonly apps = new Set<App>()
  #machines = 0

  constructor({ random, theme, clocksAreGood, traces }: WorldOptions) {
    const { scheduler } = this
    this.random = random
    this.theme = theme
    this.trace = new Trace(scheduler, traces)
    this.network = new Network(scheduler, random, this.trace)
    const checker = new Checker({
      clocksAreGood,
      find: async (gid) => await this.servers.orders.memory.find(gid),
      storeNowMs: () => this.servers.orders.nowMs,
      onViolation: (text) => this.trace.write(() => `VIOLATION: ${text}`),
    })
    this.checker = checker
    this.servers = {
      orders: new StoreServer('orders', scheduler, checker),
      ledger: new DatabaseServer('ledger', scheduler, checker),
      copy: new DatabaseServer('copy', scheduler, checker),
    }
  }

  boot(options: AppOptions): App {
    const { scheduler, random, network, trace, checker } = this
    const machine = new Machine(`machine-${++this.#machines}`, scheduler, {
      rate: random.between(0.98, 1.02),
      monotonicMs: random.between(0, 1e6),
      skewMs: random.between(-60_000, 60_000),
    })
    const around = { machine, scheduler, random, network, trace, checker, transactions: [] }
    const app = new App(around, this.servers, options)
    this.apps.add(app)
    for (const about of subjects[this.theme].filter(() => random.chance(network.weather.weakens))) {
      const share = random.between(0.3, 1)
      network.trouble({ machine, about, ending: random.pick(endings), share, untilMs: Infinity })
    }
    trace.write(() => `${machine.name} starts ${JSON.stringify(options)}`)
    this.run(app, async () => await app.start())
    return app
  }

  /** Runs code in an app's machine. What it throws is a defect of the simulation or of the engine. */
  run(app: App, work: () => Promise<unknown>): void {
    const { machine } = app.around
    machine.receive(0, () => {
      work().catch((error: unknown) => {
        this.checker.fail(`${machine.name}: ${(error as Error).stack ?? String(error)}`)
      })
    })
  }

  kill(app: App): void {
    if (!this.apps.delete(app)) return
    this.trace.write(() => `${app.around.machine.name} dies`)
    app.around.machine.die()
    for (const tx of app.around.transactions) tx.disconnect()
  }

  appOf(machine: Machine): App | undefined {
    return [...this.apps].find(({ around }) => around.machine === machine)
  }
}
