import { actionsOf } from './actions.ts'
import { openApp } from './app.ts'
import type { AppSettings } from './app.ts'
import { scenarios } from './cells.ts'
import { Crash } from './crash-points.ts'

/**
 * One process with the app of each cell in `APPS`. They share nothing but the process: when it dies, all of them do, each at
 * points of its own. SIGUSR2 lets go of what stands. Whoever started it reads what each says as `cell: line`.
 */
const all = JSON.parse(process.env['APPS']!) as readonly AppSettings[]
const toDie = new Set(all.filter((each) => each.do.includes('crash')).map(({ cell }) => cell))
const crashes: Crash[] = []
process.on('SIGUSR2', () => {
  for (const crash of crashes) crash.letGo()
})
/** Of so many cells at once an app does something of its own accord: more would only make all of them late. */
const atOnce = 2
const turns: Promise<unknown>[] = Array.from({ length: atOnce }, async () => {})
let nextTurn = 0

/**
 * What a busy machine answers, where leases last a second and a job is asked about after a third of one. A caller tries
 * again then.
 */
const tooLate = [
  'no answer within',
  'did not answer within',
  'was asked about before',
  'is too busy to tell',
]

// One after the other for all of them: to load a library, or PGlite, holds the whole process up for seconds, and a server
// that waits for a login meanwhile hangs up.
const opened = await Promise.all(all.map(open))
await Promise.all(opened.map(({ migrate }) => migrate()))
for (const { act } of opened) void act()

interface Opened {
  readonly migrate: () => Promise<void>
  readonly act: () => Promise<void>
}

async function open(settings: AppSettings): Promise<Opened> {
  const say = (line: string): void => console.log(`${settings.cell}: ${line}`)
  const crash = new Crash()
  crashes.push(crash)
  let hasFailed = false

  async function unlessFailed(work: () => Promise<void>): Promise<void> {
    if (hasFailed) return
    try {
      await work()
    } catch (error) {
      hasFailed = true
      say(`failed ${JSON.stringify((error as Error).stack)}`)
      // The others do not wait for it.
      if (toDie.has(settings.cell)) dieWithout(settings.cell)
    }
  }

  let doing: (name: string) => Promise<void>
  let start: () => Promise<void>
  await unlessFailed(async () => {
    const app = await openApp(settings, crash, say)
    const die = (): Promise<never> => {
      dieWithout(settings.cell)
      return new Promise(() => {})
    }
    const actions = actionsOf({ app, settings, crash, say, die, inTurn })
    start = () => app.stepping.start()
    doing = async (name) => {
      const begin = performance.now()
      const isScenario = scenarios.some((each) => each === name)
      await (isScenario ? inTurn(() => patiently(actions[name]!)) : patiently(actions[name]!))
      say(`did ${name} ${Math.round(performance.now() - begin)}`)
    }
  })
  return {
    migrate: () =>
      unlessFailed(async () => {
        if (settings.do.includes('migrate')) await doing('migrate')
      }),
    act: () =>
      unlessFailed(async () => {
        await patiently(start)
        for (const name of settings.do) if (name !== 'migrate') await doing(name)
        say('ready')
      }),
  }
}

async function inTurn(work: () => Promise<void>): Promise<void> {
  const lane = nextTurn++ % atOnce
  const mine = turns[lane]!.then(work)
  turns[lane] = mine.catch(() => {})
  await mine
}

async function patiently(work: () => Promise<void>): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    try {
      return await work()
    } catch (error) {
      const { message } = error as Error
      if (!tooLate.some((text) => message.includes(text))) throw error
    }
  }
  await work()
}

/** The last that is to die takes the process with it. */
function dieWithout(cell: string): void {
  toDie.delete(cell)
  if (toDie.size === 0) process.kill(process.pid, 'SIGKILL')
}
