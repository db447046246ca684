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
await Promise.all(all.map(work))

async function work(settings: AppSettings): Promise<void> {
  const say = (line: string): void => console.log(`${settings.cell}: ${line}`)
  const crash = new Crash()
  crashes.push(crash)
  try {
    const app = await openApp(settings, crash, say)
    const die = async (): Promise<never> => dieWithout(settings.cell)
    const actions = actionsOf({ app, settings, crash, say, die })
    for (const name of settings.do) {
      if (name !== 'migrate') await app.start()
      const begin = performance.now()
      await actions[name]!()
      say(`did ${name} ${Math.round(performance.now() - begin)}`)
    }
    if (!settings.do.includes('close')) await app.start()
    say('ready')
  } catch (error) {
    const { stack } = error as Error
    say(`failed ${JSON.stringify(stack)}`)
    // The others do not wait for it.
    if (toDie.has(settings.cell)) await dieWithout(settings.cell)
  }
}

async function dieWithout(cell: string): Promise<never> {
  toDie.delete(cell)
  if (toDie.size === 0) process.kill(process.pid, 'SIGKILL')
  return await new Promise<never>(() => {})
}
