/**
 * `pnpm test`: everything that has to pass, one phase after another. A phase that fails does not hide the results of
 * the next ones. Of a phase that passes only its name and time are printed, except for the tests themselves.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { notPlayed, readReport } from '../test-e2e/matrix/report.ts'

const checks = ['format:check', 'lint', 'typecheck', 'build', 'check:docs']
const tests = ['test:unit', 'test:simulation', 'test:db']
const examples = existsSync('examples/orders/main.ts') ? ['start'] : []
const packages = ['check:packages', 'check:install']

const failedPhases: string[] = []
const counts = { passed: 0, failed: 0, skipped: 0 }
const folder = await mkdtemp(join(tmpdir(), 'stepping-test-'))
const matrixReport = join(folder, 'matrix')
try {
  for (const script of checks) await phase(script, quiet)
  for (const script of tests) await phase(script, counted)
  await phase('every cell of the matrix was played', async () => {
    const missing = notPlayed(readReport(matrixReport))
    for (const each of missing) console.log(`\nnot passed: ${each}`)
    return missing.length === 0
  })
  await phase('mutations', quiet)
  for (const script of [...examples, ...packages]) await phase(script, quiet)
} finally {
  await rm(folder, { recursive: true })
}

if (failedPhases.length > 0) console.log(`FAILED: ${failedPhases.join(', ')}`)
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`)
process.exitCode = failedPhases.length > 0 ? 1 : 0

async function phase(script: string, how: (script: string) => Promise<boolean>): Promise<void> {
  process.stdout.write(`${script} ... `)
  const begin = performance.now()
  const passed = await how(script)
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  console.log(`${passed ? 'ok' : `FAILED: ${script}`} (${seconds} s)`)
  if (!passed) failedPhases.push(script)
}

/** Prints what the script printed, but only if it fails. */
async function quiet(script: string): Promise<boolean> {
  const { passed, output } = await pnpmRun([script], 'pipe')
  if (!passed) console.log(`\n${output}`)
  return passed
}

/** Lets Vitest print as it goes, and adds up what it counts. */
async function counted(script: string): Promise<boolean> {
  console.log()
  const file = join(folder, `${script.replace(':', '-')}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const { passed } = await pnpmRun([script, ...reporters], 'inherit')
  const report: Report | undefined = await readFile(file, 'utf8').then(JSON.parse, () => undefined)
  // A file that cannot even be loaded has no tests to count.
  const broken = report?.testResults.filter(
    (each) => each.status === 'failed' && each.assertionResults.length === 0,
  )
  counts.passed += report?.numPassedTests ?? 0
  counts.failed += (report?.numFailedTests ?? 0) + (broken?.length ?? 0)
  counts.skipped += (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0)
  return passed
}

interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: { status: string; assertionResults: unknown[] }[]
}

async function pnpmRun(
  args: string[],
  stdio: 'pipe' | 'inherit',
): Promise<{ passed: boolean; output: string }> {
  const child = spawn('pnpm', ['run', ...args], {
    env: { ...process.env, DO_NOT_TRACK: '1', MATRIX_REPORT: matrixReport },
    stdio: ['ignore', stdio, stdio],
  })
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ passed: code === 0, output }))
  })
}
