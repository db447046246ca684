import { execFile } from 'node:child_process'
import { access, glob, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Where what was fetched stays between runs: outside of every checkout. */
export const cacheFolder: string = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'stepping-test-support',
)

/**
 * Makes a folder of the cache once. It appears there complete or not at all, so that a run that was killed half-way,
 * or another one beside it, does no harm.
 */
export async function cached(
  name: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(cacheFolder, name)
  if (await exists(folder)) return folder
  await mkdir(dirname(folder), { recursive: true })
  const building = await mkdtemp(`${folder}-`)
  try {
    await fill(building)
    // Refused when another run was quicker: its folder is as good.
    await rename(building, folder).catch(() => {})
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return folder
}

/**
 * Unpacks Debian or Ubuntu packages, with what they depend on that this machine lacks, into the cache: nothing is
 * installed, so it takes no root. Resolves with the folder, which looks like `/`.
 */
export async function unpackDebianPackages(names: readonly string[]): Promise<string> {
  return await cached(`debian-${names.join('-')}`, async (folder) => {
    console.log(`Fetching the Debian packages ${names.join(', ')} by apt-get into ${cacheFolder}.`)
    const apt = join(folder, 'apt')
    for (const part of ['lists/partial', 'cache/archives/partial']) {
      await mkdir(join(apt, part), { recursive: true })
    }
    const options = [
      `Dir::State::lists=${apt}/lists`,
      `Dir::Cache=${apt}/cache`,
      // As root apt would fetch as a user of its own, who cannot write there.
      'APT::Sandbox::User=',
      'Debug::NoLocking=1',
    ].flatMap((option) => ['-o', option])
    const quickly = ['-q', '-y', '--no-install-recommends', '--download-only']
    await run('apt-get', [...options, '-q', 'update'])
    await run('apt-get', [...options, 'install', ...quickly, ...names])
    for await (const file of glob(join(apt, 'cache/archives/*.deb'))) {
      await run('dpkg-deb', ['-x', file, folder])
    }
    await rm(apt, { recursive: true })
  })
}

/** The folders with shared libraries below an unpacked folder, as LD_LIBRARY_PATH takes them. */
export async function libraryPath(folder: string): Promise<string> {
  const folders: string[] = []
  for await (const each of glob(join(folder, '{usr/,}lib/*-linux-gnu*'))) folders.push(each)
  return folders.join(':')
}

async function exists(folder: string): Promise<boolean> {
  return await access(folder).then(
    () => true,
    () => false,
  )
}
