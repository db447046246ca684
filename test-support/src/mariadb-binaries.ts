import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { libraryPath, unpackDebianPackages } from './debian-packages.ts'

export interface MariadbBinaries {
  /** The folder with the binary, its share folder, and libraries that this machine may lack. */
  readonly folder: string
  /** Below the folder. */
  readonly binary: string
  /** Messages and system tables, below the folder. */
  readonly share: string
  /** For people: which binaries these are. */
  readonly source: string
}

const PACKAGE = 'mariadb-server-core'

/** What to say when there is none. */
export const HOW_TO_GET_MARIADB = `there is no mariadbd in /usr or where Homebrew puts it; Debian and Ubuntu have it in the package ${PACKAGE}`

/** Where systems install to. */
const installed = ['/usr', '/usr/local', '/opt/homebrew/opt/mariadb', '/usr/local/opt/mariadb']

/** The binaries of this machine; else those of the Debian package, fetched once; rejects, saying what is missing. */
export async function findMariadbBinaries(): Promise<MariadbBinaries> {
  for (const folder of installed) {
    const found = await inFolder(folder)
    if (found) return { ...found, source: folder }
  }
  if (!(await hasApt())) throw new Error(`No MariaDB to start: ${HOW_TO_GET_MARIADB}.`)
  const folder = await unpackDebianPackages([PACKAGE])
  const found = await inFolder(join(folder, 'usr'))
  if (!found) throw new Error(`There is no MariaDB server in ${folder}.`)
  return {
    folder,
    binary: join('usr', found.binary),
    share: join('usr', found.share),
    source: `the Debian package ${PACKAGE}`,
  }
}

/** What the binaries need in their environment. */
export async function mariadbEnvironment(folder: string): Promise<Record<string, string>> {
  const libraries = await libraryPath(folder)
  // Those of the system itself are found without being named.
  return libraries === '' || installed.includes(folder) ? {} : { LD_LIBRARY_PATH: libraries }
}

async function inFolder(folder: string): Promise<Omit<MariadbBinaries, 'source'> | undefined> {
  const binary = await firstOf(folder, ['sbin/mariadbd', 'bin/mariadbd', 'libexec/mariadbd'])
  const tables = await firstOf(folder, [
    'share/mysql/mysql_system_tables.sql',
    'share/mysql/mariadb_system_tables.sql',
    'share/mariadb/mariadb_system_tables.sql',
  ])
  if (binary === undefined || tables === undefined) return undefined
  return { folder, binary, share: join(tables, '..') }
}

async function firstOf(folder: string, files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const found = await access(join(folder, file)).then(
      () => true,
      () => false,
    )
    if (found) return file
  }
  return undefined
}

async function hasApt(): Promise<boolean> {
  return await promisify(execFile)('apt-get', ['--version']).then(
    () => true,
    () => false,
  )
}
