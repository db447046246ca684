import { parseArgs } from 'node:util'
import { keepReport, printReport } from './report.ts'
import { Rounds } from './rounds.ts'
import type { Measured } from './rounds.ts'
import { scenarios } from './scenarios/index.ts'
import { Servers } from './servers/index.ts'
import { sideNames } from './sides/index.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
})
const scenarioNames = scenarios.map(({ name }) => name)
for (const word of positionals) {
  if ([...scenarioNames, ...sideNames].includes(word)) continue
  throw new Error(
    `${word} is no scenario (${scenarioNames.join(', ')}) and no side (${sideNames.join(', ')}).`,
  )
}
/** Those that the command names; if it names none of them, all. */
const wanted = (names: readonly string[]): readonly string[] => {
  const named = names.filter((name) => positionals.includes(name))
  return named.length > 0 ? named : names
}

await using servers = new Servers()
const rounds = new Rounds(servers, Number(values.rounds), Number(values.scale))
const sides = wanted(sideNames)
const measured: Measured[] = []
for (const name of wanted(scenarioNames)) {
  const scenario = scenarios.find((each) => each.name === name)!
  const taking = Object.keys(scenario.sides).filter((side) => sides.includes(side))
  if (taking.length === 0) continue
  const found = await rounds.measure(scenario, taking)
  measured.push(found)
  // At once, so that a run that is cut off has kept what it measured.
  if (values.write) await keepReport([found], await servers.settings(), values)
}
printReport(measured, await servers.settings(), values)
