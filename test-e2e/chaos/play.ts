import { setTimeout as delay } from 'node:timers/promises'
import type { Cell } from '../matrix/cells.ts'
import { rowsOf, runHost } from '../matrix/run-host.ts'
import type { Host } from '../matrix/run-host.ts'
import type { ServerName } from '../matrix/outages.ts'
import { openStage } from '../matrix/stage.ts'
import type { Stage } from '../matrix/stage.ts'
import type { Evidence } from '../matrix/judge.ts'
import { planOf } from './plan.ts'
import type { Blow, ServerBlow } from './plan.ts'
import { closeServers, openServers, surroundingsOf } from '../matrix/servers.ts'
import type { Server, Servers } from '../matrix/servers.ts'

/** An app of a cell that places orders and runs steps, and is started again whenever it ends. */
interface App {
  readonly stage: Stage
  kill(): void
  stop(): Promise<void>
}

/** Has all cells work while servers, networks and apps fail, then heals everything and waits until all is done. */
export async function playChaos(
  cells: readonly Cell[],
  { seed, durationMs, log }: { seed: number; durationMs: number; log: (line: string) => void },
): Promise<ReadonlyMap<Cell, Evidence>> {
  const servers = await openServers()
  try {
    const surroundings = surroundingsOf(servers)
    const apps = await inTurns(cells, 4, async (cell) =>
      openApp(await openStage(cell, surroundings), restMs(cell, cells)),
    )
    log(`${apps.length} apps are at work; seed ${seed}, for ${durationMs / 1_000} s`)
    await strike(planOf(seed, durationMs, apps.length), servers, apps, log)
    await haveCommitted(apps)
    await Promise.all(apps.map((app) => app.stop()))
    log('everything is healed; what is left is done')
    const evidence = await inTurns(apps, 6, async ({ stage }) => await settled(stage))
    await Promise.all(apps.map(({ stage }) => stage.close()))
    return new Map(cells.map((cell, n) => [cell, evidence[n]!]))
  } finally {
    await closeServers(servers)
  }
}

/** On a busy machine an app places few orders while all this goes on, and some are to roll back: it goes on for a while. */
async function haveCommitted(apps: readonly App[]): Promise<void> {
  const until = performance.now() + 60_000
  const hasNone = ({ stage }: App): boolean =>
    !stage.traces().some(({ what }) => what === 'committed')
  while (apps.some(hasNone) && performance.now() < until) await delay(200)
}

/** Of all apps together: what two cores do easily, so that it is the blows that disturb. */
const msPerOrder = 25

function familyOf({ tm }: Cell): string {
  return tm.startsWith('dtm') ? 'dtm' : 'self-tm'
}

/** Each family of transaction managers is given as many. */
function restMs(cell: Cell, cells: readonly Cell[]): number {
  return 2 * msPerOrder * cells.filter((each) => familyOf(each) === familyOf(cell)).length
}

async function openApp(stage: Stage, everyMs: number): Promise<App> {
  const door = 0
  const run = (...actions: string[]): Host =>
    runHost([stage.app({ do: actions, loadEveryMs: everyMs }, door)])
  let isStopped = false
  let host = run('migrate', 'load')
  await host.line(stage.cell.name, (line) => line.startsWith('did migrate'))
  const running = (async () => {
    for (;;) {
      await host.exit
      // It may be that it cannot start: a server is away.
      if (!isStopped) await delay(100)
      if (isStopped) return
      host = run('load')
    }
  })()
  return {
    stage,
    kill: () => host.kill(),
    async stop() {
      isStopped = true
      host.kill()
      await running
    },
  }
}

async function strike(
  plan: readonly Blow[],
  servers: Servers,
  apps: readonly App[],
  log: (line: string) => void,
): Promise<void> {
  const began = performance.now()
  /** What happens to one server happens one after another. */
  const repairs = new Map<ServerName, Promise<void>>()
  for (const blow of plan) {
    await delay(Math.max(0, blow.atMs - (performance.now() - began)))
    if (blow.what === 'kill app') {
      log(`kills app ${blow.app}`)
      apps[blow.app]!.kill()
      continue
    }
    log(`${blow.what}: ${blow.server}, for ${blow.forMs} ms`)
    repairs.set(blow.server, hit(servers.get(blow.server)!, blow, repairs.get(blow.server)))
  }
  await Promise.all(repairs.values())
}

async function hit(
  server: Server,
  { what, forMs }: ServerBlow,
  repaired: Promise<void> | undefined,
): Promise<void> {
  await repaired
  if (what === 'kill server') await server.kill()
  if (what === 'cut network') server.network.cut()
  if (what === 'silence network') server.network.silence()
  await delay(forMs)
  if (what === 'kill server') await server.start()
  else server.network.heal()
}

async function settled(stage: Stage): Promise<Evidence> {
  const host = runHost([stage.app({ do: ['settle', 'rows', 'close'] })])
  const { orders, ledger } = await rowsOf(host, stage.cell.name)
  await host.exit
  return { orders, ledger, traces: stage.traces() }
}

/** Of so many at once: each is a process. */
async function inTurns<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const rest = [...items.entries()]
  const worker = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
      results[next[0]] = await work(next[1])
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}
