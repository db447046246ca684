/**
 * `pnpm check:install`: installs the packages as a user does, from their packed tarballs with npm in an empty folder
 * outside the workspace, then type-checks and runs scripts/install-program there. Finds what only an install shows:
 * a file missing from a package, an import that only resolves in the workspace, a dependency nobody declared.
 */
import { execFile } from 'node:child_process'
import { cp, glob, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** What the program uses beside the packages, in the versions of the workspace. */
const companions = ['@electric-sql/pglite', '@types/node', '@types/pg', 'drizzle-orm', 'typescript']

/** What a job library may bring along, itself included. */
const mostPackages = 8

const folder = await mkdtemp(join(tmpdir(), 'stepping-install-'))
try {
  const tarballs = await packAll()
  await cp('scripts/install-program', folder, { recursive: true })
  const before = await install(await versions(companions))
  const after = await install({ ...(await versions(companions)), ...tarballs })
  const added = after.filter((name) => !before.includes(name))
  if (added.length > mostPackages)
    throw new Error(`Too many packages are added: ${added.join(', ')}`)
  await run('node_modules/.bin/tsc', [])
  const printed = await run(process.execPath, ['main.ts'])
  console.log(`installed, type-checked and ran: ${added.join(', ')}\n${printed}`)
} finally {
  await rm(folder, { recursive: true })
}

/** Installs with npm; resolves with the names of all packages that are there then. */
async function install(dependencies: Record<string, string>): Promise<string[]> {
  const manifest = { name: 'install-program', private: true, type: 'module', dependencies }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  await run('npm', ['install', '--no-audit', '--no-fund'])
  const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'))
  return Object.keys(lock.packages).filter((path) => path.startsWith('node_modules/'))
}

/** Packs every package that is published; package name to tarball. */
async function packAll(): Promise<Record<string, string>> {
  const tarballs: Record<string, string> = {}
  for await (const file of glob('packages/*/package.json')) {
    const manifest = JSON.parse(await readFile(file, 'utf8'))
    if (manifest.private === true) continue
    const tarball = join(folder, `${basename(dirname(file))}.tgz`)
    await run('pnpm', ['pack', '--out', tarball], dirname(file))
    tarballs[manifest.name] = `file:${tarball}`
  }
  return tarballs
}

async function versions(names: string[]): Promise<Record<string, string>> {
  const catalog = JSON.parse(await run('pnpm', ['config', 'get', 'catalog', '--json'], '.'))
  return Object.fromEntries(names.map((name) => [name, catalog[name]]))
}

/** Resolves with what the command printed; rejects with that if it fails. */
function run(command: string, args: string[], cwd = folder): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, timeout: 300_000 }, (error, stdout) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${error.message}\n${stdout}`))
    })
  })
}
