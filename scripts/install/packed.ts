import { glob, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { run } from './run.ts'

/** A package of this repository as it is published. */
export interface Packed {
  readonly name: string
  readonly tarball: string
  /** The libraries that the user installs, by the ranges in which it takes them. */
  readonly peers: Readonly<Record<string, string>>
  /** Those of them that only some users install. */
  readonly optional: readonly string[]
  /** The packages of this repository that it needs. */
  readonly needs: readonly string[]
}

/** Packs every package that is published; by its name. */
export async function packAll(folder: string): Promise<Map<string, Packed>> {
  const packed = new Map<string, Packed>()
  for await (const file of glob('packages/*/package.json')) {
    const manifest = JSON.parse(await readFile(file, 'utf8'))
    if (manifest.private === true) continue
    const { name, dependencies, peerDependencies = {}, peerDependenciesMeta = {} } = manifest
    const tarball = join(folder, `${basename(dirname(file))}.tgz`)
    await run('pnpm', ['pack', '--out', tarball], { cwd: dirname(file) })
    const peers = Object.entries<string>(peerDependencies).filter(([peer]) => !isOwn(peer))
    packed.set(name, {
      name,
      tarball,
      peers: Object.fromEntries(peers),
      optional: Object.keys(peerDependenciesMeta),
      needs: Object.keys({ ...dependencies, ...peerDependencies }).filter(isOwn),
    })
  }
  return packed
}

/** The packages of this repository that have to be installed for these. */
export function withNeeds(names: readonly string[], packed: Map<string, Packed>): Packed[] {
  const found = new Map<string, Packed>()
  const take = (name: string): void => {
    const each = packed.get(name)
    if (!each) throw new Error(`There is no package ${name} to install.`)
    if (found.has(name)) return
    found.set(name, each)
    each.needs.forEach(take)
  }
  names.forEach(take)
  return [...found.values()]
}

function isOwn(name: string): boolean {
  return name.startsWith('@stepping/')
}
