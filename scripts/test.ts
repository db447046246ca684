/**
 * `pnpm test`: everything that has to pass. What needs a processor runs beside the tests on servers, which mostly wait.
 * A phase that fails does not hide the results of the others. Of a phase that passes only its name and time are printed,
 * except for the tests on servers themselves.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, statfs } from 'node:fs/promises'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { takeDtm, takeMongo, takeMysql, takePostgres } from '@stepping/test-support'
import type { TakenServer } from '@stepping/test-support'
import { notPlayed, readReport } from '../test-e2e/matrix/report.ts'

const withoutServers = ['format:check', 'lint', 'typecheck', 'build', 'check:docs']
const examples = existsSync('examples/orders/main.ts') ? ['start'] : []
const withServers = ['mutations --tested', ...examples, 'check:packages', 'check:install']

const failedPhases: string[] = []
const failures: string[] = []
const counts = { passed: 0, failed: 0, skipped: 0 }
const disk = tmpdir()
const folder = await mkdtemp(join(await temporaryRoot(), 'stepping-test-'))
// Servers that refuse to run as root run as somebody else, in folders of their own in it.
await chmod(folder, 0o711)
// Servers that this process starts, too.
process.env['TMPDIR'] = folder
const matrixReport = join(folder, 'matrix')
const servers: TakenServer[] = []
const environment: Record<string, string> = {
  DO_NOT_TRACK: '1',
  MATRIX_REPORT: matrixReport,
  // Hundreds of processes load the same libraries.
  NODE_COMPILE_CACHE: join(disk, 'stepping-compile-cache'),
  INSTALL_FOLDER: disk,
}
try {
  const serversAreThere = phase('servers', takeServers)
  await Promise.all([testOnServers(serversAreThere), useProcessors(serversAreThere)])
} finally {
  await Promise.all(servers.map((server) => server.stop()))
  await rm(folder, { recursive: true })
}

for (const each of told(failures)) console.log(each)
if (failedPhases.length > 0) console.log(`FAILED: ${failedPhases.join(', ')}`)
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`)
process.exitCode = failedPhases.length > 0 ? 1 : 0

/** In memory, if there is enough: a hundred databases that wait for a disk at each commit are much of the time. */
async function temporaryRoot(): Promise<string> {
  const memory = '/dev/shm'
  const enough = 8 * 2 ** 30
  const { bavail, bsize } = await statfs(memory).catch(() => ({ bavail: 0, bsize: 0 }))
  if (Math.min(bavail * bsize, freemem()) < enough) return disk
  // Some servers are programs that are put there.
  const mounts = await readFile('/proc/mounts', 'utf8')
  const options = new RegExp(`^\\S+ ${memory} \\S+ (\\S+)`, 'm').exec(mounts)?.[1]
  return options === undefined || options.split(',').includes('noexec') ? disk : memory
}

async function testOnServers(serversAreThere: Promise<void>): Promise<void> {
  await serversAreThere
  await phase('test:db', (script) => counted(script, 'inherit'))
  await phase('every cell of the matrix was played', async () => {
    const missing = notPlayed(readReport(matrixReport))
    for (const each of missing) console.log(`not passed: ${each}`)
    return missing.length === 0
  })
}

async function useProcessors(serversAreThere: Promise<void>): Promise<void> {
  // These have time limits: now most of the tests on servers still wait, and a minute later they need both processors.
  for (const script of ['test:unit', 'test:simulation']) await phase(script, counted)
  for (const script of withoutServers) await phase(script, quiet)
  await serversAreThere
  for (const script of withServers) await phase(script, quiet)
}

async function phase(script: string, how: (script: string) => Promise<boolean>): Promise<void> {
  const begin = performance.now()
  const passed = await how(script)
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  console.log(`${script} ... ${passed ? 'ok' : `FAILED: ${script}`} (${seconds} s)`)
  if (!passed) failedPhases.push(script)
}

/** One of each for all phases. On a machine that is new to the tests it takes minutes, once. */
async function takeServers(): Promise<boolean> {
  const taken = await Promise.allSettled([
    take('STEPPING_TEST_POSTGRES_URL', takePostgres()),
    take('STEPPING_TEST_MYSQL_URL', takeMysql()),
    take('STEPPING_TEST_MONGODB_URL', takeMongo()),
    // Only built: whoever tests with it steers all of its jobs, and so has one alone.
    takeDtm().then((dtm) => dtm.stop()),
  ])
  const reasons = taken.flatMap((each) => (each.status === 'rejected' ? String(each.reason) : []))
  for (const reason of reasons) console.log(reason)
  return reasons.length === 0
}

async function take(variable: string, taking: Promise<TakenServer>): Promise<void> {
  const server = await taking
  servers.push(server)
  environment[variable] = server.url
  console.log(`${variable}: ${server.source}`)
}

/** Prints what the script printed, but only if it fails. */
async function quiet(script: string): Promise<boolean> {
  const { passed, output } = await pnpmRun(script.split(' '), 'pipe')
  if (!passed) console.log(output)
  return passed
}

/** Adds up what Vitest counts. */
async function counted(script: string, stdio: 'pipe' | 'inherit' = 'pipe'): Promise<boolean> {
  const file = join(folder, `${script.replace(':', '-')}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const { passed, output } = await pnpmRun([script, ...reporters], stdio)
  if (!passed) console.log(output)
  const report: Report | undefined = await readFile(file, 'utf8').then(JSON.parse, () => undefined)
  // A file that cannot even be loaded has no tests to count.
  const broken = report?.testResults.filter(
    (each) => each.status === 'failed' && each.assertionResults.length === 0,
  )
  for (const { status, message, assertionResults } of report?.testResults ?? []) {
    if (status === 'failed') failures.push(...(message ? [message] : []))
    failures.push(...assertionResults.flatMap((each) => each.failureMessages.slice(0, 1)))
  }
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
  testResults: {
    status: string
    message: string
    assertionResults: { failureMessages: string[] }[]
  }[]
}

/** The most frequent ones once more: a log is read from its end, and many tests often fail for one reason. */
function told(messages: readonly string[]): string[] {
  const alike = Map.groupBy(messages, (each) => each.split('\n    at ')[0]!)
  const most = [...alike].toSorted((a, b) => b[1].length - a[1].length)
  return most.slice(0, 3).map(([message, all]) => `${all.length} × ${shortened(message)}`)
}

/** Its first lines say what failed; what a process said last before it ended stands in the last ones. */
function shortened(message: string): string {
  const head = 250
  const tail = 250
  if (message.length <= head + tail) return message
  return `${message.slice(0, head)}\n  …\n${message.slice(-tail)}`
}

async function pnpmRun(
  args: string[],
  stdio: 'pipe' | 'inherit',
): Promise<{ passed: boolean; output: string }> {
  const child = spawn('pnpm', ['run', ...args], {
    env: { ...process.env, ...environment },
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
