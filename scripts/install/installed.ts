import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

interface Manifest {
  readonly version: string
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>
}

/** What is installed in a folder, wherever in it, by name. */
export async function readInstalled(folder: string): Promise<Map<string, Manifest>> {
  const installed = new Map<string, Manifest>()
  const all = join(folder, 'node_modules', '.pnpm')
  for (const entry of await readdir(all)) {
    // Such as @types+pg@8.20.0 or drizzle-orm@0.45.0_pg@8.23.1.
    const name = /^(@[^+]+\+)?[^@+]+(?=@)/.exec(entry)?.[0].replace('+', '/')
    if (name === undefined) continue
    const file = join(all, entry, 'node_modules', name, 'package.json')
    installed.set(name, JSON.parse(await readFile(file, 'utf8')))
  }
  return installed
}

/** Of what is installed, these packages and what comes along with them. */
export function closureOf(
  names: readonly string[],
  installed: ReadonlyMap<string, Manifest>,
): Set<string> {
  const closure = new Set<string>()
  const take = (name: string): void => {
    const manifest = installed.get(name)
    if (!manifest || closure.has(name)) return
    closure.add(name)
    const { dependencies, optionalDependencies, peerDependencies = {} } = manifest
    Object.keys({ ...dependencies, ...optionalDependencies }).forEach(take)
    const isOptional = (peer: string): boolean =>
      manifest.peerDependenciesMeta?.[peer]?.optional === true
    Object.keys(peerDependencies)
      .filter((peer) => !isOptional(peer))
      .forEach(take)
  }
  names.forEach(take)
  return closure
}
