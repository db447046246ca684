import type { App, AppOptions } from './app.ts'
import { endings } from './network.ts'
import { sleep } from './steps.ts'
import type { Weather } from './weather.ts'
import type { World } from './world.ts'

/** Longer than any row is kept that is not needed. */
const leapMs = 49 * 3_600_000

/** What closing may take at most, with a store that does not answer. */
const closeMs = 60_000

/** More machines than this would only repeat what the first ones went through. */
const mostDeaths = 4

/** Breaks machines, their clocks and their connections, until it is told to stop. */
export class Trouble {
  readonly #world: World
  #deaths = 0
  #stoppedAtMs = 0
  #isOver = false

  constructor(world: World, weather: Weather) {
    this.#world = world
    world.network.weather = weather
    world.network.onRequest = (machine, server) => {
      const app = world.appOf(machine)
      if (!app || this.#isOver) return
      const { random, network, scheduler } = world
      if (random.chance(weather.dies)) scheduler.after(0, () => this.#kill(app))
      if (random.chance(weather.freezes)) this.#freeze(app)
      if (random.chance(weather.cut)) {
        const untilMs = scheduler.nowMs + random.magnitude(100, 30_000)
        const ending = random.pick(endings)
        network.trouble({ machine, about: server, ending, share: random.pick([0.7, 1]), untilMs })
      }
    }
  }

  end(): void {
    this.#isOver = true
    this.#world.network.mend()
    for (const app of this.#world.apps) if (app.isMisled) this.#world.kill(app)
  }

  /** From now on each machine is dead, or stands still until after the two days. */
  stop(): void {
    const { random, apps, scheduler } = this.#world
    this.#stoppedAtMs = scheduler.nowMs
    for (const app of apps) {
      if (random.chance(0.5)) this.#world.kill(app)
      else app.around.machine.freeze(leapMs + random.magnitude(2_000, 30_000))
    }
  }

  /** Two days pass. Then requests arrive that everybody has forgotten, and somebody cleans up. */
  async leap(): Promise<void> {
    const { random, scheduler, trace, network } = this.#world
    trace.write(() => 'two days pass')
    scheduler.leap(this.#stoppedAtMs + leapMs - scheduler.nowMs)
    const cleaner = this.#world.boot({ ...drawApp(this.#world), execute: false, isMisled: false })
    this.#world.run(cleaner, async () => {
      await sleep(100)
      await cleaner.stepping.jobs.prune().catch((error: unknown) => cleaner.told('no job', error))
      for (const arrive of network.held) scheduler.after(random.magnitude(1, 20_000), arrive)
    })
    const untilMs = scheduler.nowMs + 1_000
    await scheduler.run(() => scheduler.nowMs >= untilMs)
  }

  /** The store's clock jumps: no further than the promise allows, or as far as it likes. */
  jump(isGood: boolean): void {
    const { random, servers, trace } = this.#world
    const byMs = isGood
      ? random.pick([400, -5_000]) * random.next()
      : random.between(-60_000, 60_000)
    trace.write(() => `the clock of the store jumps by ${Math.round(byMs)} ms`)
    servers.orders.clockMs += byMs
  }

  /** As at a deploy: the app is closed, and another one starts. */
  close(app: App): void {
    const { random, scheduler, checker, trace } = this.#world
    const { machine } = app.around
    if (!app.hasStarted) return
    trace.write(() => `${machine.name} closes`)
    let isClosed = false
    this.#world.run(app, async () => {
      await app.stepping.close()
      isClosed = true
      this.#world.kill(app)
    })
    scheduler.after(random.magnitude(10, 5_000), () => this.#world.boot(drawApp(this.#world)))
    scheduler.after(closeMs, () => {
      const { isAlive } = machine
      if (!isClosed && isAlive && !machine.wasFrozen) checker.fail(`${machine.name} does not close`)
    })
  }

  #kill(app: App): void {
    const { random, scheduler } = this.#world
    if (this.#isOver || this.#deaths === mostDeaths || !this.#world.apps.has(app)) return
    this.#deaths++
    this.#world.kill(app)
    scheduler.after(random.magnitude(10, 5_000), () => this.#world.boot(drawApp(this.#world)))
  }

  #freeze({ around: { machine } }: App): void {
    const { random } = this.#world
    const ms = random.chance(0.5) ? random.magnitude(50, 5_000) : random.between(5_000, 25_000)
    this.#world.trace.write(() => `${machine.name} stands still for ${Math.round(ms)} ms`)
    machine.freeze(ms)
  }
}

export function drawApp({ random }: World): AppOptions {
  return {
    concurrency: random.pick([1, 2, 50]),
    execute: !random.chance(0.1),
    isOld: random.chance(0.15),
    isMisled: random.chance(0.08),
    proves: random.chance(0.5),
    pruneEveryMs: random.magnitude(5_000, 3_600_000),
  }
}
