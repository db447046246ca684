import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { plot } from './plot.ts'
import { readRecord, writeRecord } from './record.ts'
import type { MeasuredOnce, Kept } from './record.ts'
import type { Measured } from './rounds.ts'
import { scenarios } from './scenarios/index.ts'
import { median } from './statistics.ts'
import { toTable } from './table.ts'

const page = new URL('../docs/performance.md', import.meta.url)
const curve = new URL('../docs/performance.svg', import.meta.url)
const [begin, end] = ['<!-- figures: begin -->', '<!-- figures: end -->']

/**
 * Prints the tables; with `write`, also keeps the raw figures, beside those of scenarios that were not
 * measured this time, and makes the page's tables and curve of all that is kept.
 */
export async function writeReport(
  measured: readonly Measured[],
  settings: readonly string[],
  { write, rounds, scale }: { write: boolean; rounds: string; scale: string },
): Promise<void> {
  const run = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0]!.model}, ${availableParallelism()} cores, Node ${process.version}`,
    rounds: Number(rounds),
    scale: Number(scale),
  }
  const now = measured.map(({ scenario, ...rest }): [string, MeasuredOnce] => [
    scenario.name,
    { ...run, ...rest },
  ])
  console.log(`\n${tables({ settings, scenarios: Object.fromEntries(now) })}`)
  if (!write) return
  const before = await readRecord()
  const kept = {
    settings: [
      ...new Map([...before.settings, ...settings].map((text) => [productOf(text), text])).values(),
    ],
    scenarios: { ...before.scenarios, ...Object.fromEntries(now) },
  }
  await writeRecord(kept)
  const text = await readFile(page, 'utf8')
  const head = text.slice(0, text.indexOf(begin) + begin.length)
  await writeFile(page, `${head}\n\n${tables(kept)}\n\n${text.slice(text.indexOf(end))}`)
  await mkdir(new URL('.', curve), { recursive: true })
  await writeFile(curve, plot(kept))
}

/** In the order of the scenarios. Under each what else the machine did, if it was not the same for all. */
function tables({ settings, scenarios: kept }: Kept): string {
  const found = scenarios.flatMap((scenario) => {
    const once = kept[scenario.name]
    return once ? [{ scenario, once }] : []
  })
  const runs = new Set(found.map(({ once }) => headOf(once)))
  const load = found.flatMap(({ once }) => once.load)
  const head = [
    ...(runs.size === 1 ? runs : []),
    ...settings.map((each) => `- ${each}`),
    `- Load average while it ran: median ${median(load).toFixed(1)}, at most ${Math.max(...load).toFixed(1)}`,
  ]
  const each = found.map(({ scenario, once }) =>
    toTable(scenario, once, runs.size === 1 ? undefined : headOf(once)),
  )
  return [head.join('\n'), ...each].join('\n\n')
}

function headOf({ date, machine, rounds, scale }: MeasuredOnce): string {
  return `${date}. ${machine}. ${rounds} rounds${scale === 1 ? '' : `, ${scale} of the jobs`}.\n`
}

function productOf(settings: string): string {
  return settings.split(' ')[0]!
}
