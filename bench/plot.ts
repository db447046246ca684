import type { MeasuredOnce, Kept } from './record.ts'
import { processCounts } from './scenarios/processes.ts'
import { waitingCounts } from './scenarios/growth.ts'
import { median } from './statistics.ts'

interface Panel {
  readonly title: string
  readonly axis: string
  readonly ticks: readonly { readonly at: number; readonly text: string }[]
  readonly lines: readonly { readonly side: string; readonly values: readonly number[] }[]
}

const size = { width: 760, height: 300, panel: 300, left: 60, top: 40, bottom: 50 }
const plotHeight = size.height - size.top - size.bottom

/** How the rate changes with what waits, and with how many processes work. */
export function plot({ scenarios }: Kept): string {
  const waiting = Object.fromEntries(
    waitingCounts.map((count) => [count.toLocaleString('en'), count]),
  )
  const panels = [
    panel(
      scenarios['growth'],
      'Jobs/s of the first 20,000',
      'jobs that wait (logarithmic)',
      waiting,
    ),
    panel(scenarios['processes'], 'Jobs/s, steps of 5 ms, 50 at once', 'processes', processCounts),
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" role="img">
<title>Jobs a second by jobs that wait, and by processes</title>
<style>
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .axis { stroke: #8c959f; fill: none }
  .grid { stroke: #8c959f; stroke-opacity: .25 }
  .line { fill: none; stroke-width: 2 }
  .c0 { stroke: #0969da; fill: #0969da } .c1 { stroke: #bc4c00; fill: #bc4c00 } .c2 { stroke: #57606a; fill: #57606a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .c0 { stroke: #58a6ff; fill: #58a6ff } .c1 { stroke: #f0883e; fill: #f0883e } .c2 { stroke: #9da7b3; fill: #9da7b3 }
  }
  .line { fill: none }
</style>
${panels.map((each, at) => draw(each, size.left + at * (size.panel + 80))).join('\n')}
</svg>
`
}

/** Stepping first, so that it has the same colour in all panels. */
function panel(
  measured: MeasuredOnce | undefined,
  title: string,
  axis: string,
  points: Readonly<Record<string, number>>,
): Panel {
  const counts = Object.values(points)
  const logarithmic = counts.at(-1)! > 10
  const place = (count: number): number => (logarithmic ? Math.log(count) : count)
  const [from, to] = [place(counts[0]!), place(counts.at(-1)!)]
  const ticks = counts.map((count) => ({
    at: (place(count) - from) / (to - from),
    text: count.toLocaleString('en'),
  }))
  const lines = Object.entries(measured?.results ?? {}).map(([side, rounds]) => ({
    side,
    values: Object.keys(points).map((name) => median(rounds.map((figures) => figures[name]!))),
  }))
  return {
    title,
    axis,
    ticks,
    lines: lines.toSorted((a, b) => +(b.side === 'stepping') - +(a.side === 'stepping')),
  }
}

function draw({ title, axis, ticks, lines }: Panel, left: number): string {
  const most = niceAbove(Math.max(1, ...lines.flatMap(({ values }) => values)))
  const x = (at: number): number => Math.round(left + at * size.panel)
  const y = (value: number): number => Math.round(size.top + (1 - value / most) * plotHeight)
  const bottom = y(0)
  const grid = [0, 0.5, 1].map((part) => {
    const level = y(part * most)
    return `<path class="grid" d="M${left} ${level}h${size.panel}"/><text x="${left - 6}" y="${level + 4}" text-anchor="end">${(part * most).toLocaleString('en')}</text>`
  })
  const marks = ticks.map(
    ({ at, text }) => `<text x="${x(at)}" y="${bottom + 18}" text-anchor="middle">${text}</text>`,
  )
  const drawn = lines.map(({ side, values }, n) => {
    const points = values.map((value, at) => `${x(ticks[at]!.at)},${y(value)}`)
    const dots = points.map(
      (point) => `<circle class="c${n}" r="3" cx="${point.replace(',', '" cy="')}"/>`,
    )
    const name = `<circle class="c${n}" r="4" cx="${left + 8 + n * 110}" cy="${size.top - 8}"/><text x="${left + 16 + n * 110}" y="${size.top - 4}">${side}</text>`
    return `<polyline class="line c${n}" points="${points.join(' ')}"/>${dots.join('')}${name}`
  })
  return [
    `<text x="${left}" y="14" font-weight="bold">${title}</text>`,
    ...grid,
    `<path class="axis" d="M${left} ${bottom}h${size.panel}"/>`,
    ...marks,
    `<text x="${left + size.panel / 2}" y="${bottom + 38}" text-anchor="middle">${axis}</text>`,
    ...(lines.length === 0
      ? [`<text x="${left + 8}" y="${size.top + 20}">not measured yet</text>`]
      : drawn),
  ].join('\n')
}

/** A round number that is not less. */
function niceAbove(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((times) => times * unit).find((nice) => nice >= value)!
}
