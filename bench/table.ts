import type { MeasuredOnce } from './record.ts'
import type { Figures, Scenario } from './scenario.ts'
import { median, percentile } from './statistics.ts'

type Results = MeasuredOnce['results']

/** The medians of the rounds, how far they lie apart, and the ratios. */
export function toTable(
  { title, unit, sides }: Scenario,
  { results, failures }: MeasuredOnce,
  under?: string,
): string {
  const names = Object.keys(sides).filter((name) => results[name])
  const figures = Object.keys(results[names[0]!]?.[0] ?? {})
  const hasRatios = Object.values(sides).some(Boolean)
  const hasSpread = names.some((name) => results[name]!.length > 1)
  const head = ['', ...figures, ...(hasSpread ? ['spread'] : []), ...(hasRatios ? ['ratio'] : [])]
  const rows = names.map((name) => {
    const values = figures.map((figure) => print(median(column(results[name]!, figure))))
    const first = column(results[name]!, figures[0]!)
    const spread = `${print(percentile(first, 0))} to ${print(percentile(first, 100))}`
    return [
      name,
      ...values,
      ...(hasSpread ? [spread] : []),
      ...(hasRatios ? [ratio(results, name, sides[name]!, figures[0]!)] : []),
    ]
  })
  const lines = [head, head.map((_, at) => (at === 0 ? '---' : '---:')), ...rows]
  const table = lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  const missing = Object.entries(failures).map(([name, why]) => `Not measured: ${name} (${why}).`)
  return [`### ${title}`, ...(under ? [under.trim()] : []), unit, table, ...missing].join('\n\n')
}

/** The median of the ratios of the same round, which had the same neighbours on the machine. */
function ratio(results: Results, name: string, baseline: string, figure: string): string {
  const other = results[baseline]
  if (!other || name === baseline) return ''
  const ratios = results[name]!.flatMap((each, round) =>
    other[round] ? [each[figure]! / other[round][figure]!] : [],
  )
  return `${median(ratios).toFixed(2)} of ${baseline}`
}

function column(rounds: readonly Figures[], figure: string): number[] {
  return rounds.map((each) => each[figure] ?? NaN)
}

function print(value: number | null): string {
  if (value === null || Number.isNaN(value)) return ''
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
