import type { TakenDtm } from '@stepping/test-support'
import { isSingle, scenarios, whyNot } from './cells.ts'
import type { Cell, Scenario } from './cells.ts'
import { deaths } from './crash-points.ts'
import type { Row } from './library.ts'
import { freshPlace } from './places.ts'
import { rowsOf, runHost } from './run-host.ts'
import type { Host } from './run-host.ts'
import { openStage } from './stage.ts'
import type { Stage } from './stage.ts'
import type { Trace } from './trace.ts'

/** They take a tenth of it where other tests run beside. The test itself has longer. */
const endAfterMs = 400_000

/** What came of a cell's scenarios. */
export interface Played {
  /** How long the app took for a scenario, in milliseconds. */
  readonly did: ReadonlyMap<Scenario, number>
  readonly orders: readonly Row[]
  readonly ledger: readonly Row[]
  readonly traces: readonly Trace[]
}

/**
 * Plays the cells side by side, in as few processes as their deaths allow: a process has an app of each cell, and when
 * it dies, each of them dies at points of its own. What went wrong in a cell is its own result.
 */
export async function playCells(
  cells: readonly Cell[],
  dtm: TakenDtm | undefined,
): Promise<ReadonlyMap<string, Played | Error>> {
  const stages = await Promise.all(
    cells.map((cell) => {
      const tenants = whyNot(cell, 'two tenants') === undefined ? 2 : 0
      return openStage(cell, { dtm, place: freshPlace }, tenants)
    }),
  )
  try {
    const plays = stages.map((stage) => new Play(stage))
    await playScenarios(plays)
    const host = runHost(
      stages.map((stage) => stage.app({ do: ['settle', 'rows', 'close'] })),
      endAfterMs,
    )
    const ends = plays.map(async (play): Promise<[string, Played | Error]> => [
      play.name,
      await play.judged(host).catch((error: Error) => error),
    ])
    const results = new Map(await Promise.all(ends))
    // One in which an app failed would not end by itself.
    if ([...results.values()].some((each) => each instanceof Error)) host.kill()
    await host.exit
    return results
  } finally {
    await Promise.all(stages.map((stage) => stage.close()))
  }
}

async function playScenarios(plays: readonly Play[]): Promise<void> {
  const first = runHost(
    plays.map((play) => play.first()),
    endAfterMs,
  )
  await Promise.all(plays.map((play) => play.noteFirst(first)))
  const isAlone = plays.some(({ stage }) => isSingle(stage.cell))
  if (isAlone) await kill(first)
  for (const n of deaths.keys()) {
    // Two processes work while each app of this one places its orders.
    const host = runHost(
      plays.map((play) => play.death(n)),
      endAfterMs,
    )
    const { signal } = await host.exit
    if (signal !== 'SIGKILL') throw new Error(`It did not die: ${host.output()}`)
    for (const play of plays) await play.noteDeath(n, host)
  }
  await kill(first)
}

async function kill(host: Host): Promise<void> {
  host.kill()
  await host.exit
}

/** What one cell does in the processes that it shares with others. */
class Play {
  readonly name: string
  readonly stage: Stage
  readonly #did = new Map<Scenario, number>()
  #error: Error | undefined

  constructor(stage: Stage) {
    this.stage = stage
    this.name = stage.cell.name
  }

  first(): ReturnType<Stage['app']> {
    return this.stage.app({ do: ['migrate', ...scenarios.filter((each) => this.#has(each))] }, 0)
  }

  async noteFirst(host: Host): Promise<void> {
    await this.#noting(async () => {
      await host.line(this.name, (line) => line === 'ready')
      for (const line of host.linesOf(this.name)) {
        if (line.startsWith('unexpected')) throw new Error(line)
        const [, name, ms] = /^did (.*) (\d+)$/.exec(line) ?? []
        if (name) this.#did.set(name as Scenario, Number(ms))
      }
    })
  }

  death(n: number): ReturnType<Stage['app']> {
    return this.stage.app(
      { do: n === 0 ? ['commit', 'crash'] : ['crash'], crash: this.#points(n) },
      n + 1,
    )
  }

  async noteDeath(n: number, host: Host): Promise<void> {
    await this.#noting(async () => {
      const head = 'stood at its points '
      const line = await host.line(this.name, (each) => each.startsWith(head))
      const ms = Number(line.slice(head.length))
      for (const point of this.#points(n)) this.#did.set(`crash ${point}`, ms)
      if (n === 0 && this.#has('two workers')) this.#did.set('two workers', ms)
    })
  }

  async judged(host: Host): Promise<Played> {
    if (this.#error) throw this.#error
    const { orders, ledger } = await rowsOf(host, this.name)
    await host.line(this.name, (line) => line === 'ready')
    return { did: this.#did, orders, ledger, traces: this.stage.traces() }
  }

  #has(scenario: Scenario): boolean {
    return whyNot(this.stage.cell, scenario) === undefined
  }

  #points(n: number): (typeof deaths)[number] {
    return deaths[n]!.filter((point) => this.#has(`crash ${point}`))
  }

  /** The first thing that goes wrong is what is told; the other cells go on. */
  async #noting(work: () => Promise<void>): Promise<void> {
    await work().catch((error: Error) => (this.#error ??= error))
  }
}
