/**
 * `pnpm matrix [words]`: plays the cells whose names hold the words, prints a table, and, when all cells were played,
 * writes it to docs/matrix.md. Fails unless exactly the cells and scenarios of the data were played.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allScenarios, cells, whyNot } from '../test-e2e/matrix/cells.ts'
import type { Result } from '../test-e2e/matrix/report.ts'

const words = process.argv.slice(2).join(' ')
const folder = await mkdtemp(join(tmpdir(), 'stepping-matrix-'))
const file = join(folder, 'results')
await writeFile(file, '')
const passed = await play()
const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean)
await rm(folder, { recursive: true })
const results = lines.map((line) => JSON.parse(line) as Result)

const wanted = cells.filter(({ name }) => name.includes(words))
const table = tableOf()
console.log(table)
const missing = wanted.flatMap((cell) =>
  allScenarios
    .filter((scenario) => whyNot(cell, scenario) === undefined && !resultOf(cell.name, scenario))
    .map((scenario) => `${cell.name}: ${scenario}`),
)
for (const each of missing) console.log(`not passed: ${each}`)
const complete = passed && missing.length === 0
if (complete && words === '') await writeFile('docs/matrix.md', page())
console.log(
  `${results.length} scenarios in ${wanted.length} cells passed, ${missing.length} did not`,
)
process.exitCode = complete ? 0 : 1

async function play(): Promise<boolean> {
  const args = ['exec', 'vitest', 'run', '--project', 'db', 'test-e2e/matrix']
  const child = spawn('pnpm', args, {
    env: { ...process.env, MATRIX: words, MATRIX_REPORT: file },
    stdio: 'inherit',
  })
  return await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code === 0))
  })
}

function resultOf(cell: string, scenario: string): Result | undefined {
  return results.find((each) => each.cell === cell && each.scenario === scenario)
}

/** A row per cell, a column per scenario; a letter where the committed list says why there is nothing to play. */
function tableOf(): string {
  const head = ['', ...allScenarios, 'seconds']
  const rows = wanted.map((cell) => {
    const marks = allScenarios.map((scenario) => {
      const reason = whyNot(cell, scenario)
      if (reason !== undefined) return letterOf(reason)
      return resultOf(cell.name, scenario) ? '✓' : '✗'
    })
    const ms = results
      .filter((each) => each.cell === cell.name)
      .reduce((sum, each) => sum + each.ms, 0)
    return [cell.name, ...marks, (ms / 1_000).toFixed(1)]
  })
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function letterOf(reason: string): string {
  return String.fromCharCode('a'.charCodeAt(0) + reasons().indexOf(reason))
}

function reasons(): string[] {
  const all = cells.flatMap((cell) => allScenarios.map((scenario) => whyNot(cell, scenario)))
  return [...new Set(all.filter((reason) => reason !== undefined))]
}

function page(): string {
  return `# The matrix

Each transaction manager with each library on each database, through every scenario and every crash. Written
by \`npx --yes pnpm@12 matrix\`; the tests play the same cells. One cell alone:
\`npx --yes pnpm@12 matrix "pg · self-tm outbox"\`.

A crash is a SIGKILL that the process sends to itself while a job of its own stands at the named point. Afterwards every committed order
has had each of its steps, in order, and their effects through \`once\` exactly once; what rolled back has
had none.

${table}

Not played, and why:

${reasons()
  .map((reason) => `- ${letterOf(reason)}: ${reason}`)
  .join('\n')}
`
}
