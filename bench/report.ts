import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import type { Figures, Scenario } from './scenario.ts'
import type { Server } from './server.ts'
import { median, percentile } from './statistics.ts'

export interface Measured {
  readonly scenario: Scenario
  readonly results: Readonly<Record<string, readonly Figures[]>>
  /** Of the machine, after each measurement: with more than this run had, the figures mean little. */
  readonly load: readonly number[]
}

const page = new URL('../docs/performance.md', import.meta.url)
const raw = new URL('results/latest.json', import.meta.url)
const [begin, end] = ['<!-- figures: begin -->', '<!-- figures: end -->']

/** Prints the tables; with `write`, also puts them into the page, and the raw figures beside. */
export async function writeReport(
  measured: readonly Measured[],
  server: Server,
  write: boolean,
): Promise<void> {
  const machine = `${cpus()[0]!.model}, ${availableParallelism()} cores, Node ${process.version}`
  const load = measured.flatMap((each) => each.load)
  const head = [
    `${new Date().toISOString().slice(0, 10)}. ${machine}. ${server.settings}.`,
    `Load average while it ran: median ${median(load).toFixed(1)}, at most ${Math.max(...load).toFixed(1)}.`,
  ].join('\n')
  const tables = [head, ...measured.map(toTable)].join('\n\n')
  console.log(`\n${tables}`)
  if (!write) return
  const text = await readFile(page, 'utf8')
  const before = text.slice(0, text.indexOf(begin) + begin.length)
  const after = text.slice(text.indexOf(end))
  await writeFile(page, `${before}\n\n${tables}\n\n${after}`)
  const { settings } = server
  const scenarios = measured.map(({ scenario, ...each }) => ({ scenario: scenario.name, ...each }))
  await mkdir(new URL('.', raw), { recursive: true })
  await writeFile(raw, `${JSON.stringify({ machine, settings, scenarios }, undefined, 2)}\n`)
}

function toTable({ scenario, results }: Measured): string {
  const names = Object.keys(results)
  const figures = Object.keys(Object.values(results)[0]?.[0] ?? {})
  const head = ['', ...figures, 'spread', `to ${scenario.baseline}`]
  const rows = names.map((name) => {
    const values = figures.map((figure) => print(median(column(results[name]!, figure))))
    const first = column(results[name]!, figures[0]!)
    const spread = `${print(percentile(first, 0))} to ${print(percentile(first, 100))}`
    return [name, ...values, spread, ratio(results, name, scenario.baseline, figures[0]!)]
  })
  const lines = [head, head.map((_, at) => (at === 0 ? '---' : '---:')), ...rows]
  const table = lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  return `### ${scenario.title}\n\n${scenario.unit}\n\n${table}`
}

/** The median of the ratios of the same round, which had the same neighbours on the machine. */
function ratio(
  results: Measured['results'],
  name: string,
  baseline: string,
  figure: string,
): string {
  const other = results[baseline]
  if (!other) return ''
  return median(
    results[name]!.map((each, round) => each[figure]! / other[round]![figure]!),
  ).toFixed(2)
}

function column(rounds: readonly Figures[], figure: string): number[] {
  return rounds.map((each) => each[figure]!)
}

function print(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
