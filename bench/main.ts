import { fork } from 'node:child_process'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { startServer } from './server.ts'
import { writeReport } from './report.ts'
import type { Measured } from './report.ts'
import type { Figures, Scenario } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'
import { sideNames } from './sides/index.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
/** Those that the command names; if it names none of them, all. */
const wanted = (names: readonly string[]): readonly string[] => {
  const named = names.filter((name) => positionals.includes(name))
  return named.length > 0 ? named : names
}
const scenarioNames = scenarios.map(({ name }) => name)
for (const word of positionals) {
  if ([...scenarioNames, ...sideNames].includes(word)) continue
  throw new Error(`${word} is no scenario and no side.`)
}

await using server = await startServer()
console.log(server.settings)
const measured: Measured[] = []
for (const name of wanted(scenarioNames)) {
  measured.push(await measureAll(scenarios.find((each) => each.name === name)!))
}
await writeReport(measured, server, values.write)

/** The sides take turns, in the other direction in every other round: what else the machine does meets all. */
async function measureAll(scenario: Scenario): Promise<Measured> {
  const taking = wanted(sideNames).filter((name) => scenario.sides.includes(name))
  const results: Record<string, Figures[]> = {}
  const load: number[] = []
  const failed = new Set<string>()
  for (let round = 0; round < (scenario.rounds ?? rounds); round++) {
    for (const name of round % 2 === 0 ? taking : taking.toReversed()) {
      if (failed.has(name)) continue
      let figures: Figures
      try {
        figures = await measure(scenario.name, name)
      } catch (error) {
        // A side that fails has no figures here, and takes none from the others.
        console.error(error)
        failed.add(name)
        delete results[name]
        process.exitCode = 1
        continue
      }
      load.push(loadavg()[0]!)
      ;(results[name] ??= []).push(figures)
      const told = Object.entries(figures).map(
        ([figure, value]) => `${figure} ${value.toPrecision(4)}`,
      )
      console.log(`${scenario.name} round ${round + 1} ${name}: ${told.join(', ')}`)
    }
  }
  return { scenario, results, load }
}

async function measure(scenario: string, side: string): Promise<Figures> {
  await using database = await server.freshDatabase()
  const child = fork(new URL('measure.ts', import.meta.url), [
    scenario,
    side,
    database.url,
    values.scale,
  ])
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 180_000)
    child.once('message', (figures) => resolve(figures as Figures))
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      reject(new Error(`${scenario} with ${side} ended with ${signal ?? code}.`))
    })
  })
}
