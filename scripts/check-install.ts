/**
 * `pnpm check:install`: installs each package as a user does, packed, with one driver and nothing else, in an empty
 * folder outside the workspace; with the lowest versions of the libraries that it allows, and with the newest. Then
 * type-checks and runs a small program there. Finds what only an install shows: a file missing from a package, an
 * import that only resolves in the workspace, a dependency nobody declared, a range that promises too much.
 *
 * Words after it choose the programs: `pnpm check:install drizzle`.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { cases } from './install/cases.ts'
import type { Case } from './install/cases.ts'
import { packAll, withNeeds } from './install/packed.ts'
import type { Packed } from './install/packed.ts'
import { run } from './install/run.ts'
import { Servers } from './install/servers.ts'
import { tryInstall } from './install/try-install.ts'
import type { Parts, Versions } from './install/try-install.ts'

/** How many are tried at once. */
const atOnce = 2

const words = process.argv.slice(2)
// On the disk of pnpm's store, if that is known: what is installed is then linked, and not copied.
const folder = await mkdtemp(join(process.env['INSTALL_FOLDER'] ?? tmpdir(), 'stepping-install-'))
await using servers = new Servers()
try {
  const packed = await packAll(folder)
  assertAllInstalled(packed)
  const parts: Parts = {
    packed,
    catalog: JSON.parse(await run('pnpm', ['config', 'get', 'catalog', '--json'])),
    programs: resolve('scripts/install/programs'),
    environment: (server) => servers.environment(server),
  }
  const trials = cases
    .filter(({ name }) => words.every((word) => name.includes(word)))
    .flatMap((each) => (['lowest', 'newest'] as const).map((versions) => ({ each, versions })))
  const tryOneAfterAnother = async (): Promise<void> => {
    for (let trial = trials.shift(); trial; trial = trials.shift()) {
      await tryAndTell(trial.each, trial.versions, parts)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, tryOneAfterAnother))
} finally {
  await rm(folder, { recursive: true })
}

function assertAllInstalled(packed: Map<string, Packed>): void {
  const main = cases.map((each) => each.package)
  const installed = withNeeds([...main, '@stepping/self-tm'], packed).map(({ name }) => name)
  const missing = [...packed.keys()].filter((name) => !installed.includes(name))
  if (missing.length === 0) return
  throw new Error(`No case in scripts/install/cases.ts installs ${missing.join(', ')}.`)
}

/** One line for each, and what went wrong. */
async function tryAndTell(each: Case, versions: Versions, parts: Parts): Promise<void> {
  const begin = performance.now()
  const tell = (text: string): void => {
    const seconds = ((performance.now() - begin) / 1_000).toFixed(1).padStart(5)
    console.log(`${each.name.padEnd(24)} ${versions} ${seconds} s  ${text}`)
  }
  try {
    const at = join(folder, `${each.name}-${versions}`)
    const { packages, over, untidy } = await tryInstall(each, versions, at, parts)
    const types = untidy.length > 0 ? `; types of ${untidy.join(', ')} need skipLibCheck` : ''
    tell(`${String(packages).padStart(3)} packages  ${over}${types}`)
  } catch (error) {
    process.exitCode = 1
    tell(`FAILED\n${(error as Error).message}`)
  }
}
