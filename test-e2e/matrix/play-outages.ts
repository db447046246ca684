import type { Cell, Scenario } from './cells.ts'
import { whyNot } from './cells.ts'
import type { Evidence } from './judge.ts'
import { productOf } from './libraries/index.ts'
import { outages, serverNames, serverOf } from './outages.ts'
import type { Outage, ServerName } from './outages.ts'
import { rowsOf, runHost } from './run-host.ts'
import type { Host } from './run-host.ts'
import { closeServers, openServers, surroundingsOf } from './servers.ts'
import type { Server } from './servers.ts'
import { openStage } from './stage.ts'
import type { Stage } from './stage.ts'

/** What came of a cell while servers were killed under it. */
export interface Survived {
  /** From the kill until the server was there again, in milliseconds. */
  readonly tookMs: ReadonlyMap<Scenario, number>
  readonly evidence: Evidence
}

/**
 * Kills one server after another (SIGKILL), each under orders of all cells that it is the database or the transaction
 * manager of, and starts it again. The apps live on.
 */
export async function playOutages(
  cells: readonly Cell[],
  log: (line: string) => void,
): Promise<ReadonlyMap<string, Survived | Error>> {
  const names = serverNames.filter((name) => cells.some((cell) => outagesOf(cell, name).length > 0))
  const servers = await openServers(names)
  try {
    const surroundings = surroundingsOf(servers)
    const stages = await Promise.all(cells.map((cell) => openStage(cell, surroundings)))
    const bystanders = new Bystanders(stages, names)
    const tookMs = new Map<ServerName, number>()
    for (const [n, name] of names.entries()) {
      const waiting = (await bystanders.stand(n)).filter((cell) => outagesOf(cell, name).length > 0)
      log(`${waiting.length} cells stand; ${name} is killed under them`)
      tookMs.set(name, await killUnder(waiting.length, servers.get(name)!, bystanders))
      log(`${name} is there again`)
    }
    await bystanders.stand(names.length)
    bystanders.letGo()
    log('what is left is done')
    const results = await bystanders.evidence(tookMs)
    await Promise.all(stages.map((stage) => stage.close()))
    return results
  } finally {
    await closeServers(servers)
  }
}

/** The server has done what they ask, or is about to, and is gone before it answers any of them. */
async function killUnder(cells: number, server: Server, apps: Bystanders): Promise<number> {
  const asked = server.network.withholdAnswers(cells)
  apps.letGo()
  if (cells > 0) await asked
  const begin = performance.now()
  await server.kill()
  server.network.cut()
  server.network.heal()
  await server.start()
  return Math.round(performance.now() - begin)
}

function outagesOf(cell: Cell, server: ServerName): readonly Outage[] {
  return outages.filter(
    ({ name, role }) => serverOf(cell, role) === server && whyNot(cell, name) === undefined,
  )
}

/** The apps, in a process for each product that cells have their orders in. */
class Bystanders {
  readonly #stages: readonly Stage[]
  readonly #hosts: ReadonlyMap<Stage, Host>
  readonly #errors = new Map<Stage, Error>()

  constructor(stages: readonly Stage[], servers: readonly ServerName[]) {
    this.#stages = stages
    const groups = Map.groupBy(stages, ({ cell }) => productOf(cell.library))
    this.#hosts = new Map(
      [...groups.values()].flatMap((group) => {
        const host = runHost(
          group.map((stage) =>
            stage.app({
              do: ['migrate', ...servers.map(() => 'stand'), 'stand', 'settle', 'rows', 'close'],
              outages: servers.map((server) => outagesOf(stage.cell, server)),
            }),
          ),
        )
        return group.map((stage): [Stage, Host] => [stage, host])
      }),
    )
  }

  /** Resolves with the cells whose orders stand in this round. */
  async stand(round: number): Promise<readonly Cell[]> {
    const standing = await this.#each((host, { name }) =>
      host.line(name, (line) => line === `stands in round ${round}`),
    )
    return [...standing.keys()].map(({ cell }) => cell)
  }

  letGo(): void {
    for (const host of new Set(this.#hosts.values())) host.kill('SIGUSR2')
  }

  async evidence(
    tookMs: ReadonlyMap<ServerName, number>,
  ): Promise<ReadonlyMap<string, Survived | Error>> {
    const rows = await this.#each((host, { name }) => rowsOf(host, name))
    // One in which an app failed would not end by itself.
    if (this.#errors.size > 0) for (const host of this.#hosts.values()) host.kill()
    await Promise.all([...this.#hosts.values()].map((host) => host.exit))
    return new Map(
      this.#stages.map((stage) => {
        const { cell } = stage
        const times = outages.map(({ name, role }): [Scenario, number] => [
          name,
          tookMs.get(serverOf(cell, role)!) ?? 0,
        ])
        const survived = rows.has(stage)
          ? {
              tookMs: new Map(times),
              evidence: { ...rows.get(stage)!, traces: stage.traces() },
            }
          : this.#errors.get(stage)!
        return [cell.name, survived]
      }),
    )
  }

  /** Of those in which nothing went wrong so far: the others go on. */
  async #each<T>(ask: (host: Host, cell: Cell) => Promise<T>): Promise<ReadonlyMap<Stage, T>> {
    const answers = new Map<Stage, T>()
    await Promise.all(
      [...this.#hosts].map(async ([stage, host]) => {
        if (this.#errors.has(stage)) return
        await ask(host, stage.cell).then(
          (answer) => answers.set(stage, answer),
          (error: Error) => this.#errors.set(stage, error),
        )
      }),
    )
    return answers
  }
}
