import { AsyncLocalStorage } from 'node:async_hooks'
import type { Machine } from './machine.ts'
import type { Random } from './random.ts'
import type { Happening, Scheduler } from './scheduler.ts'

/** What the engine takes from its runtime; everything of it belongs to the machine that runs now. */
const replaced = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
] as const

/** Timers come this late even when nothing else goes wrong. */
const latenessMs = 1

/** Longer waits overflow, as in Node, and end at once. */
const longestTimerMs = 2 ** 31 - 1

class VirtualTimer {
  happening: Happening | undefined

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

/** Replaces timers, clocks and chance until what is returned is called. No other code may run meanwhile. */
export function replaceGlobals(scheduler: Scheduler, random: Random): () => void {
  const running = (): Machine => {
    if (scheduler.running) return scheduler.running
    throw new Error('A server of the simulation used a timer or a clock of the machines.')
  }

  function start(callback: () => void, ms: number, repeats: boolean): VirtualTimer {
    const timer = new VirtualTimer()
    const machine = running()
    const wait = ms >= 1 && ms <= longestTimerMs ? ms : 1
    const run = AsyncLocalStorage.bind(callback)
    const schedule = (): void => {
      timer.happening = machine.after(wait + latenessMs * random.next(), () => {
        if (repeats) schedule()
        run()
      })
    }
    schedule()
    return timer
  }

  const globals = globalThis as unknown as Record<string, unknown>
  const saved = replaced.map((name) => [name, globals[name]] as const)
  Object.assign(globals, {
    setTimeout: (run: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) =>
      start(() => run(...args), ms, false),
    setInterval: (run: () => void, ms = 1) => start(run, ms, true),
    setImmediate: (run: () => void) => machineTurn(running(), run),
    clearTimeout: clear,
    clearInterval: clear,
  } satisfies Record<(typeof replaced)[number], unknown>)
  const real = { now: Date.now, random: Math.random }
  Date.now = () => running().wallClockMs
  Math.random = () => random.next()
  performance.now = () => running().monotonicMs
  crypto.randomUUID = () => random.uuid()
  return () => {
    for (const [name, value] of saved) globals[name] = value
    Date.now = real.now
    Math.random = real.random
    // Their own properties hide those of the prototypes.
    Reflect.deleteProperty(performance, 'now')
    Reflect.deleteProperty(crypto, 'randomUUID')
  }
}

function machineTurn(machine: Machine, run: () => void): VirtualTimer {
  const timer = new VirtualTimer()
  timer.happening = machine.after(0, AsyncLocalStorage.bind(run))
  return timer
}

function clear(timer?: VirtualTimer): void {
  if (timer?.happening) timer.happening.isCancelled = true
}
