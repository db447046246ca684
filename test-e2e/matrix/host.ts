import { actionsOf } from './actions.ts'
import { openApp } from './app.ts'
import type { AppSettings } from './app.ts'
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
// Opened first, all of them: to load a library, or PGlite, holds the whole process up for seconds.
for (const act of await Promise.all(all.map(open))) void act()

async function open(settings: AppSettings): Promise<() => Promise<void>> {
  const say = (line: string): void => console.log(`${settings.cell}: ${line}`)
  const crash = new Crash()
  crashes.push(crash)

  async function failing(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      say(`failed ${JSON.stringify((error as Error).stack)}`)
      // The others do not wait for it.
      if (toDie.has(settings.cell)) dieWithout(settings.cell)
    }
  }

  let act = async (): Promise<void> => {}
  await failing(async () => {
    const app = await openApp(settings, crash, say)
    const die = (): Promise<never> => {
      dieWithout(settings.cell)
      return new Promise(() => {})
    }
    const actions = actionsOf({ app, settings, crash, say, die })
    const doing = async (name: string): Promise<void> => {
      const begin = performance.now()
      await patiently(actions[name]!)
      say(`did ${name} ${Math.round(performance.now() - begin)}`)
    }
    if (settings.do.includes('migrate')) await doing('migrate')
    act = () =>
      failing(async () => {
        await patiently(() => app.stepping.start())
        for (const name of settings.do) if (name !== 'migrate') await doing(name)
        say('ready')
      })
  })
  return act
}

/** Where leases last a second, a busy machine answers too late at times. A caller tries again then. */
async function patiently(work: () => Promise<void>): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    try {
      return await work()
    } catch (error) {
      if (!(error as Error).message.includes('no answer within')) throw error
    }
  }
  await work()
}

/** The last that is to die takes the process with it. */
function dieWithout(cell: string): void {
  toDie.delete(cell)
  if (toDie.size === 0) process.kill(process.pid, 'SIGKILL')
}
