import { fork } from 'node:child_process'
import { loadavg } from 'node:os'
import type { Figures, Scenario } from './scenario.ts'
import { Servers } from './servers/index.ts'
import { serverOf } from './sides/index.ts'

export interface Measured {
  readonly scenario: Scenario
  readonly results: Readonly<Record<string, readonly Figures[]>>
  /** What each side is, with its settings. */
  readonly about: Readonly<Record<string, string>>
  /** Why there are no figures of a side. */
  readonly failures: Readonly<Record<string, string>>
  /** Of the machine, after each measurement: with more than this run had, the figures mean little. */
  readonly load: readonly number[]
}

interface Told {
  readonly figures: Figures
  readonly about: string
}

/** The longest that one measurement may take, as long as it has its usual number of jobs. */
const patienceMs = 180_000

export class Rounds {
  readonly #servers: Servers
  readonly #rounds: number
  readonly #scale: number

  constructor(servers: Servers, rounds: number, scale: number) {
    this.#servers = servers
    this.#rounds = rounds
    this.#scale = scale
  }

  /** The sides take turns, in the other direction in every other round: what else the machine does meets all. */
  async measure(scenario: Scenario, sides: readonly string[]): Promise<Measured> {
    const results: Record<string, Figures[]> = {}
    const about: Record<string, string> = {}
    const failures: Record<string, string> = {}
    const load: number[] = []
    const rounds = Math.min(this.#rounds, scenario.rounds ?? Infinity)
    for (let round = 0; round < rounds; round++) {
      for (const name of round % 2 === 0 ? sides : sides.toReversed()) {
        if (name in failures) continue
        try {
          const told = await this.#measureOnce(scenario.name, name)
          ;(results[name] ??= []).push(told.figures)
          about[name] = told.about
          load.push(loadavg()[0]!)
          console.log(`${scenario.name} round ${round + 1} ${name}: ${print(told.figures)}`)
        } catch (error) {
          // A side that fails has no figures here, and takes none from the others.
          console.error(error)
          failures[name] = (error as Error).message
          delete results[name]
          process.exitCode = 1
        }
      }
    }
    return { scenario, results, about, failures, load }
  }

  async #measureOnce(scenario: string, side: string): Promise<Told> {
    const server = await this.#servers.take(serverOf(side))
    await using database = await server.freshDatabase()
    const args = [scenario, side, database.url, `${this.#scale}`]
    const execArgv = [...process.execArgv, '--expose-gc']
    const child = fork(new URL('measure.ts', import.meta.url), args, { execArgv })
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs * Math.max(1, this.#scale))
      child.once('message', (told) => resolve(told as Told))
      child.once('exit', (code, signal) => {
        clearTimeout(timer)
        reject(new Error(`${scenario} with ${side} ended with ${signal ?? code}.`))
      })
    })
  }
}

function print(figures: Figures): string {
  return Object.entries(figures)
    .map(([figure, value]) => `${figure} ${value.toPrecision(4)}`)
    .join(', ')
}
