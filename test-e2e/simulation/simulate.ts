import type { App } from './app.ts'
import { runForm } from './forms.ts'
import { operate } from './operator.ts'
import { drawJobs } from './plan.ts'
import { Random } from './random.ts'
import { stopListening } from './steps.ts'
import { drawApp, Trouble } from './trouble.ts'
import { replaceGlobals } from './virtual-globals.ts'
import { drawWeather, themes } from './weather.ts'
import type { Theme } from './weather.ts'
import { World } from './world.ts'

export interface Outcome {
  readonly seed: number
  readonly violations: readonly string[]
  /** Empty unless they were wanted. */
  readonly trace: readonly string[]
  readonly attempts: number
  readonly virtualMs: number
}

/** How long things may take to come to rest once nothing goes wrong any more. */
const restMs = 300_000

/** After the two days, until the last forgotten request arrived and the last machine goes on. */
const oldAgeMs = 30_000

/** Transactions that nobody ends are ended by the server then. */
const idleMs = 25_000

const turn = setImmediate

export interface SimulateOptions {
  readonly traces?: boolean
  /** Instead of the one that the seed draws. */
  readonly theme?: Theme
}

/** Runs the schedule of this seed. */
export async function simulate(seed: number, options: SimulateOptions = {}): Promise<Outcome> {
  const { traces = false } = options
  const random = new Random(seed)
  const clocksAreGood = !random.chance(0.15)
  const drawn = random.pick(themes)
  const theme = options.theme ?? drawn
  const world = new World({ random, theme, clocksAreGood, traces })
  const unhandled = (error: unknown): void => {
    world.checker.fail(`nobody handles ${(error as Error).stack ?? String(error)}`)
  }
  process.on('unhandledRejection', unhandled)
  const restore = replaceGlobals(world.scheduler, random)
  try {
    await runSchedule(world, clocksAreGood)
  } finally {
    restore()
    stopListening()
    await new Promise((resolve) => turn(resolve))
    process.off('unhandledRejection', unhandled)
  }
  return {
    seed,
    violations: world.checker.violations,
    trace: world.trace.lines,
    attempts: world.checker.attempts.count,
    virtualMs: world.scheduler.nowMs,
  }
}

async function runSchedule(world: World, clocksAreGood: boolean): Promise<void> {
  const { random, theme, scheduler, trace } = world
  const activeMs =
    theme === 'leases' ? random.between(20_000, 60_000) : random.between(5_000, 30_000)
  const weather = drawWeather(random, theme)
  const jobs = drawJobs(random, theme, activeMs * random.next())
  trace.write(() => JSON.stringify({ theme, activeMs, clocksAreGood, weather, jobs }))
  const trouble = new Trouble(world, weather)
  for (let left = random.pick([1, 2, 2, 3, 3]); left > 0; left--) {
    scheduler.after(random.between(0, 1_000), () => world.boot(drawApp(world)))
  }
  for (const job of jobs) {
    scheduler.after(job.atMs, () => inSomeApp(world, async (app) => await runForm(app, job)))
  }
  for (let left = random.whole(0, 5); left > 0; left--) {
    scheduler.after(random.between(0, activeMs), () =>
      inSomeApp(world, async (app) => await operate(world, app)),
    )
  }
  for (let left = random.whole(0, 2); left > 0; left--) {
    scheduler.after(random.between(0, activeMs), () => trouble.jump(clocksAreGood))
  }
  if (random.chance(0.15)) {
    scheduler.after(random.between(0, activeMs), () => {
      const [app] = world.apps
      if (app) trouble.close(app)
    })
  }
  world.network.holdsBack = theme === 'ages'
  await until(world, () => scheduler.nowMs >= activeMs)
  const leapsSoon = theme === 'ages' && random.chance(0.5)
  if (theme === 'ages') trouble.stop()
  if (leapsSoon) await trouble.leap()
  trouble.end()
  await comeToRest(world, leapsSoon ? oldAgeMs : 0)
  if (theme !== 'ages' || leapsSoon) return
  for (const app of world.apps) if (!app.around.machine.isFrozen) world.kill(app)
  await trouble.leap()
  await comeToRest(world, oldAgeMs)
}

/** Nothing goes wrong any more, and at least one machine can do all there is to do. */
async function comeToRest(world: World, atLeastMs: number): Promise<void> {
  const { scheduler, checker, trace, servers } = world
  if (checker.violations.length > 0) return
  trace.write(() => 'from now on nothing goes wrong')
  const beginMs = scheduler.nowMs
  world.boot({ ...drawApp(world), execute: true, isOld: false, isMisled: false })
  scheduler.after(idleMs, () => {
    for (const server of Object.values(servers)) {
      for (const tx of server.open) if (tx.begunAtMs < beginMs) server.rollBack(tx)
    }
  })
  await until(world, () => scheduler.nowMs >= beginMs + atLeastMs)
  await until(world, rested(world, beginMs + restMs))
  checker.checkEnd(servers.orders.rows)
}

function inSomeApp(world: World, work: (app: App) => Promise<void>): void {
  const apps = [...world.apps].filter(({ isMisled }) => !isMisled)
  if (apps.length === 0) return
  const app = world.random.pick(apps)
  world.run(app, async () => await work(app))
}

async function until(world: World, isOver: () => boolean): Promise<void> {
  const { scheduler, checker } = world
  await scheduler.run(() => isOver() || checker.violations.length > 0)
  if (scheduler.hasRunAway) checker.fail('it does not come to rest')
}

/** Nothing is left to do, or the time is up. Looked at every now and then. */
function rested(world: World, untilMs: number): () => boolean {
  const { scheduler, checker, servers, network } = world
  let isOver = false
  const look = (): void => {
    const isOpen = Object.values(servers).some(({ open }) => open.size > 0)
    isOver = checker.isSettled(servers.orders.rows) && !isOpen && network.late === 0
    if (!isOver) scheduler.after(1_000, look)
  }
  scheduler.after(1_000, look)
  return () => isOver || scheduler.nowMs >= untilMs
}
