import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { takeMongo, takeMysql, takePostgres } from '@stepping/test-support'
import { mutate } from './mutate.ts'
import { mutations } from './mutations.ts'
import type { Mutation } from './mutations.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const register = new URL('register.ts', import.meta.url).href
const wanted = process.argv.slice(2)
const chosen = mutations.filter(({ name }) => wanted.every((word) => name.includes(word)))

/** How each test named by a mutation ended. */
interface Run {
  readonly passed: number
  readonly failed: number
  readonly output: string
}

for (const mutation of chosen) mutate(mutation) // stale ones are found before anything runs

const servers = [await takePostgres(), await takeMysql(), await takeMongo()]
const [postgres, mysql, mongo] = servers
const folder = await mkdtemp(join(tmpdir(), 'stepping-mutations-'))
let survivors = 0
try {
  await checkWithout(chosen)
  const queue = [...chosen]
  await Promise.all([work(queue), work(queue)])
} finally {
  await rm(folder, { recursive: true, force: true })
  await Promise.all(servers.map((server) => server.stop()))
}
console.log(`${chosen.length - survivors} passed, ${survivors} failed`)
process.exitCode = survivors === 0 ? 0 : 1

async function work(queue: Mutation[]): Promise<void> {
  for (let mutation = queue.shift(); mutation; mutation = queue.shift()) {
    const { passed, failed, output } = await runTests([mutation], mutation.name)
    if (passed + failed === 0) throw new Error(`No test is named ${mutation.test.name}:\n${output}`)
    if (failed > 0) {
      console.log(`killed    ${mutation.name}`)
      continue
    }
    survivors++
    console.log(
      `SURVIVED  ${mutation.name}\n          ${mutation.test.file}: ${mutation.test.name}\n${output}`,
    )
  }
}

/** A test that fails anyway, or does not exist, would kill every mutation. */
async function checkWithout(all: readonly Mutation[]): Promise<void> {
  const names = new Set(all.map(({ test }) => test.name))
  const { passed, failed, output } = await runTests(all)
  if (failed === 0 && passed >= names.size) return
  throw new Error(
    `Without any mutation ${passed} of ${names.size} tests pass and ${failed} fail:\n${output}`,
  )
}

async function runTests(of: readonly Mutation[], mutation?: string): Promise<Run> {
  const report = join(folder, `${crypto.randomUUID()}.json`)
  const files = [...new Set(of.map(({ test }) => test.file))]
  const pattern = of.map(({ test }) => patternOf(test.name)).join('|')
  const output = await vitest(
    [...files, '-t', pattern, '--reporter=json', `--outputFile=${report}`],
    {
      STEPPING_TEST_POSTGRES_URL: postgres!.url,
      STEPPING_TEST_MYSQL_URL: mysql!.url,
      STEPPING_TEST_MONGODB_URL: mongo!.url,
      ...(mutation !== undefined && {
        STEPPING_MUTATION: mutation,
        NODE_OPTIONS: `--import ${register}`,
      }),
    },
  )
  const results = JSON.parse(await readFile(report, 'utf8').catch(() => '{}')) as {
    numPassedTests?: number
    numFailedTests?: number
  }
  return { passed: results.numPassedTests ?? 0, failed: results.numFailedTests ?? 0, output }
}

/** Vitest joins the names of a test and of what it stands in by a space. */
function patternOf(name: string): string {
  return name
    .split(' > ')
    .map((part) => RegExp.escape(part))
    .join(' (?:.* )?')
}

async function vitest(args: string[], env: Record<string, string>): Promise<string> {
  const command = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
  return await new Promise((resolve) => {
    execFile(
      process.execPath,
      // Cached modules do not tell a mutation apart, and a cached mutation would outlive this run.
      [command, 'run', '--fsModuleCache=false', ...args],
      { cwd: root, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 },
      (_error, stdout, stderr) => resolve(stdout + stderr),
    )
  })
}
