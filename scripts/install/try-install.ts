import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Case } from './cases.ts'
import { closureOf, readInstalled } from './installed.ts'
import { withNeeds } from './packed.ts'
import type { Packed } from './packed.ts'
import { run } from './run.ts'

/** Of the versions that the ranges allow. */
export type Versions = 'lowest' | 'newest'

export interface Tried {
  /** How many packages are in node_modules. */
  readonly packages: number
  /** The libraries that the program uses, each with its version. */
  readonly over: string
  /** Libraries whose own types do not pass the compiler, as people know who set `skipLibCheck`. */
  readonly untidy: readonly string[]
}

export interface Parts {
  readonly packed: Map<string, Packed>
  /** The versions of the workspace. */
  readonly catalog: Readonly<Record<string, string>>
  readonly programs: string
  readonly environment: (server: NonNullable<Case['server']>) => Promise<Record<string, string>>
}

/** Installs one case as a user does, looks at what came along, type-checks its program and runs it. */
export async function tryInstall(
  { name, package: main, beside = [], server, brings = [], skipLibCheck = false }: Case,
  versions: Versions,
  folder: string,
  { packed, catalog, programs, environment }: Parts,
): Promise<Tried> {
  const own = withNeeds(main === '@stepping/dtm' ? [main] : [main, '@stepping/self-tm'], packed)
  const peers = own.flatMap((each) =>
    Object.entries(each.peers).filter(
      ([peer]) => !each.optional.includes(peer) || beside.includes(peer),
    ),
  )
  const others = {
    '@types/node': catalog['@types/node']!,
    ...Object.fromEntries(beside.map((each) => [each, catalog[each]!])),
    ...Object.fromEntries(peers),
  }
  await mkdir(folder)
  await install(folder, own, others, versions)

  const installed = await readInstalled(folder)
  const ofOthers = closureOf(Object.keys(others), installed)
  const added = [...installed.keys()].filter((each) => !ofOthers.has(each)).toSorted()
  const expected = [...own.map((each) => each.name), ...brings].toSorted()
  if (added.join() !== expected.join()) {
    throw new Error(
      `It should add ${expected.join(', ')} to the libraries, and adds ${added.join(', ')}.`,
    )
  }

  for (const file of ['tsconfig.json', 'one-job.ts'])
    await cp(join(programs, file), join(folder, file))
  await cp(join(programs, `${name}.ts`), join(folder, 'main.ts'))
  const untidy = await typeCheck(folder, skipLibCheck)
  const env = server ? await environment(server) : {}
  await run(process.execPath, ['main.ts'], { cwd: folder, env })
  const libraries = [...Object.keys(others), ...brings]
  const over = libraries.filter((each) => !each.startsWith('@types/'))
  return {
    packages: installed.size,
    over: over.map((each) => `${each} ${installed.get(each)!.version}`).join(', '),
    untidy,
  }
}

async function install(
  folder: string,
  own: readonly Packed[],
  others: Readonly<Record<string, string>>,
  versions: Versions,
): Promise<void> {
  const tarballs = Object.fromEntries(own.map((each) => [each.name, `file:${each.tarball}`]))
  const manifest = { private: true, type: 'module', dependencies: { ...tarballs, ...others } }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  // A package of this repository asks for others by their ranges, which are in no registry yet.
  const settings = {
    packages: [],
    overrides: tarballs,
    strictDepBuilds: false,
    resolutionMode: versions === 'lowest' ? 'lowest-direct' : 'highest',
  }
  await writeFile(join(folder, 'pnpm-workspace.yaml'), JSON.stringify(settings))
  await run('pnpm', ['install', '--prefer-offline'], { cwd: folder })
}

/** Everything has to pass but what other libraries declare; resolves with those that do not. */
async function typeCheck(folder: string, skipLibCheck: boolean): Promise<string[]> {
  const args = ['-p', folder, '--pretty', 'false', '--skipLibCheck', `${skipLibCheck}`]
  const output = await run('node_modules/.bin/tsc', args).catch((error: Error) => error.message)
  const errors = output.split('\n').filter((line) => /error TS\d+/.test(line))
  const libraries = errors.map(libraryOf)
  if (libraries.includes(undefined)) throw new Error(output)
  return [...new Set(libraries as string[])]
}

/** The library, not of this repository, in whose types the error is. */
function libraryOf(error: string): string | undefined {
  const library = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\/[^(]*\(\d/.exec(error)?.[1]
  return library?.startsWith('@stepping/') ? undefined : library
}
