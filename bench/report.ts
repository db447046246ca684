import { readFile, writeFile } from 'node:fs/promises'
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

/** How the bench was called. */
export interface Called {
  readonly rounds: string
  readonly scale: string
}

export function printReport(
  measured: readonly Measured[],
  settings: readonly string[],
  called: Called,
): void {
  console.log(`\n${tables({ settings, scenarios: scenariosOf(measured, called) })}`)
}

/**
 * Keeps the raw figures, beside those of scenarios that were not measured this time, and makes the
 * page's tables and plot of all that is kept.
 */
export async function keepReport(
  measured: readonly Measured[],
  settings: readonly string[],
  called: Called,
): Promise<void> {
  const before = await readRecord()
  const told = new Map([...before.settings, ...settings].map((text) => [productOf(text), text]))
  const kept = {
    settings: [...told.values()],
    scenarios: { ...before.scenarios, ...scenariosOf(measured, called) },
  }
  await writeRecord(kept)
  const text = await readFile(page, 'utf8')
  const head = text.slice(0, text.indexOf(begin) + begin.length)
  await writeFile(page, `${head}\n\n${tables(kept)}\n\n${text.slice(text.indexOf(end))}`)
  await writeFile(curve, plot(kept))
}

function scenariosOf(measured: readonly Measured[], { rounds, scale }: Called): Kept['scenarios'] {
  const run = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0]!.model}, ${availableParallelism()} cores, Node ${process.version}`,
    rounds: Number(rounds),
    scale: Number(scale),
  }
  return Object.fromEntries(
    measured.map(({ scenario, ...rest }): [string, MeasuredOnce] => [
      scenario.name,
      { ...run, ...rest },
    ]),
  )
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
