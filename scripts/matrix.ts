/**
 * `pnpm matrix [words]`: plays the cells whose names hold the words, prints a table, and, when all cells were played,
 * writes it to docs/matrix.md. Fails unless exactly the cells and scenarios of the data were played.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allScenarios, cells, whyNot } from '../test-e2e/matrix/cells.ts'
import { notPlayed, readReport } from '../test-e2e/matrix/report.ts'
import type { Result } from '../test-e2e/matrix/report.ts'

const words = process.argv.slice(2).join(' ')
const folder = await mkdtemp(join(tmpdir(), 'stepping-matrix-'))
const file = join(folder, 'report')
const passed = await play()
const report = readReport(file)
await rm(folder, { recursive: true })

const wanted = cells.filter(({ name }) => name.includes(words))
const table = tableOf()
console.log(table)
const missing = notPlayed(report, words)
for (const each of missing) console.log(`not passed: ${each}`)
const complete = passed && missing.length === 0
if (complete && words === '') {
  await writeFile('docs/matrix.md', await page())
  await new Promise((resolve) =>
    spawn('pnpm', ['exec', 'oxfmt', 'docs/matrix.md']).once('close', resolve),
  )
}
console.log(
  `${report.results.length} scenarios in ${wanted.length} cells passed, ${missing.length} did not`,
)
process.exitCode = complete ? 0 : 1

async function play(): Promise<boolean> {
  const args = ['run', 'test:db', 'test-e2e/matrix']
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
  return report.results.find((each) => each.cell === cell && each.scenario === scenario)
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
    const ms = report.results
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

async function page(): Promise<string> {
  return `# The matrix

Each transaction manager with each library on each database, through every scenario and every crash. Written
by \`npx --yes pnpm@12 matrix\`; the tests play the same cells. One cell alone:
\`npx --yes pnpm@12 matrix "pg · self-tm outbox"\`.

A crash is a SIGKILL that the process sends to itself while a job of its own stands at the named point. A server is
killed by SIGKILL too, while what the job asks of it is on its way, and started again; the app lives on. Afterwards every
committed order has had each of its steps, in order, and their effects through \`once\` exactly once; what rolled back has
had none.

The cells of one database play side by side, a few processes for all of them: their times overlap, and one cell alone is
quicker.

The servers: ${report.servers.join(', ')}. The libraries: ${(await libraryVersions()).join(', ')}.

${table}

Not played, and why:

${reasons()
  .map((reason) => `- ${letterOf(reason)}: ${reason}`)
  .join('\n')}
`
}

async function libraryVersions(): Promise<string[]> {
  const names = ['pg', 'postgres', '@electric-sql/pglite', 'mysql2', 'better-sqlite3']
  names.push('@libsql/client', 'mongodb', 'drizzle-orm', 'sequelize')
  return await Promise.all(
    names.map(async (name) => {
      const manifest = await readFile(`test-e2e/node_modules/${name}/package.json`, 'utf8')
      const { version } = JSON.parse(manifest) as { version: string }
      return `${name} ${version}`
    }),
  )
}
