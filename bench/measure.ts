import { scenarios } from './scenarios/index.ts'
import { sideNamed } from './sides/index.ts'

// One measurement: `measure.ts <scenario> <side> <url> <scale>`, told to whoever forked it.
process.once('disconnect', () => process.exit(1))
const [scenarioName, sideName, url, scale] = process.argv.slice(2)
const scenario = scenarios.find(({ name }) => name === scenarioName)!
const side = await sideNamed(sideName!)
const figures = await scenario.measure({
  side,
  url: url!,
  jobs: (count) => Math.max(10, Math.round(count * Number(scale) * (side.slow ? 0.1 : 1))),
})
process.send!({ figures, about: side.about }, () => process.exit())
