import { execFile, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { chown, cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createConnection } from 'mysql2/promise'
import { freePort } from './free-port.ts'
import { guard } from './guard.ts'
import {
  findMariadbBinaries,
  mariadbEnvironment,
  type MariadbBinaries,
} from './mariadb-binaries.ts'

export interface MariadbOptions {
  /** Acknowledged commits reach the disk, as in production. Default false, which is much faster. */
  durable?: boolean
  /** More server settings, as in my.cnf. */
  settings?: Record<string, string>
  /** The time zone of the server's machine, as POSIX writes it. Default UTC. */
  timeZone?: string
}

/** A server of the caller's own, which it may stop and crash as it likes. */
export interface MariadbServer extends AsyncDisposable {
  readonly url: string
  readonly dataDir: string
  /** For people: which binaries run. */
  readonly source: string
  /** An outage: disconnects all clients and shuts down cleanly. The data stay for `start`. */
  shutdown(): Promise<void>
  /** A crash: SIGKILL for the server; resolves when it is gone. The data stay for `start`. */
  kill(): Promise<void>
  /** Starts again after `shutdown` or `kill`, with the same data and port. Resolves when it accepts connections. */
  start(): Promise<void>
  /** Ends the server for good and removes its folder. */
  stop(): Promise<void>
}

/** Nobody, by the number it has on every system: MariaDB refuses to run as root. */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

/** Starts a MariaDB server on this machine. However this process ends, the server ends with it. */
export async function startMariadb(options: MariadbOptions = {}): Promise<MariadbServer> {
  const found = await findMariadbBinaries()
  const folder = await mkdtemp(join(tmpdir(), 'stepping-mariadb-'))
  try {
    return await startIn(folder, found, options)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function startIn(
  folder: string,
  found: MariadbBinaries,
  options: MariadbOptions,
): Promise<MariadbServer> {
  const { binaries, env } = await readable(found, folder, options.timeZone ?? 'UTC')
  const dataDir = join(folder, 'data')
  const logFile = join(folder, 'log')
  await mkdir(dataDir)
  if (user.uid !== undefined) {
    for (const each of [folder, dataDir]) await chown(each, user.uid, user.gid)
  }
  const binary = join(binaries.folder, binaries.binary)
  const share = join(binaries.folder, binaries.share)
  const port = await freePort()
  const url = `mysql://root@127.0.0.1:${port}/`
  const always = {
    datadir: dataDir,
    tmpdir: folder,
    'lc-messages-dir': share,
    'innodb-log-file-size': '16M',
    'innodb-buffer-pool-size': '64M',
    ...(options.durable === true
      ? { 'innodb-flush-log-at-trx-commit': '1' }
      : { 'innodb-flush-log-at-trx-commit': '0', 'innodb-doublewrite': '0' }),
  }
  await bootstrap(binary, toFlags(always), env, share)
  const args = toFlags({
    ...always,
    port: `${port}`,
    'bind-address': '127.0.0.1',
    socket: join(folder, 'socket'),
    'pid-file': join(folder, 'pid'),
    'max-connections': '200',
    ...options.settings,
  })

  let running: { pid: number; exited: Promise<void> } | undefined

  async function start(): Promise<void> {
    if (running !== undefined) throw new Error('This MariaDB server is running already.')
    const log = openSync(logFile, 'a')
    const server = spawn(binary, args, { ...user, env, stdio: ['ignore', log, log] })
    closeSync(log)
    const { pid } = server
    if (pid === undefined) throw new Error(`Could not run ${binary}.`)
    const callOff = guard(pid, 'KILL', folder)
    const exited = new Promise<void>((resolve) => {
      server.once('exit', () => {
        running = undefined
        callOff()
        resolve()
      })
    })
    running = { pid, exited }
    while (!(await accepts(url))) {
      if (running === undefined) {
        throw new Error(`MariaDB ended while starting:\n${await readFile(logFile, 'utf8')}`)
      }
      await delay(20)
    }
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (running === undefined) return
    const { pid, exited } = running
    process.kill(pid, signal)
    await exited
  }

  async function stop(): Promise<void> {
    await end('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }

  await start()
  return {
    url,
    dataDir,
    source: `local server from ${binaries.source}`,
    shutdown: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function toFlags(settings: Record<string, string>): string[] {
  const named = Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
  return ['--no-defaults', ...named]
}

/** The binaries, or a copy of them: nobody cannot read what lies below a private home folder. */
async function readable(
  found: MariadbBinaries,
  folder: string,
  timeZone: string,
): Promise<{ binaries: MariadbBinaries; env: Record<string, string> }> {
  // The server reads its messages and its time zone from the environment; tests should not depend on the machine's.
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: timeZone }
  const libraries = await mariadbEnvironment(found.folder)
  const run = promisify(execFile)
  const works = await run(join(found.folder, found.binary), ['--version'], {
    ...user,
    env: { ...env, ...libraries },
  }).then(
    () => true,
    () => false,
  )
  if (works) return { binaries: found, env: { ...env, ...libraries } }
  const copy = join(folder, 'mariadb')
  await cp(found.folder, copy, { recursive: true, verbatimSymlinks: true })
  return {
    binaries: { ...found, folder: copy },
    env: { ...env, ...(await mariadbEnvironment(copy)) },
  }
}

/** The tables with users and rights, as mariadb-install-db makes them, which the small package lacks a tool for. */
async function bootstrap(
  binary: string,
  flags: readonly string[],
  env: Record<string, string>,
  share: string,
): Promise<void> {
  const files = (await readdir(share))
    .filter((file) => /^(mariadb|mysql)_system_tables(_data)?\.sql$/.test(file))
    .toSorted((a, b) => a.length - b.length) // The tables before the rows in them.
  const statements = [
    'set @auth_root_socket=NULL;',
    "set @current_hostname='localhost';",
    'set @skip_auth_anonymous=1;',
    'create database if not exists mysql;',
    'use mysql;',
    ...(await Promise.all(files.map((file) => readFile(join(share, file), 'utf8')))),
  ]
  const server = spawn(binary, [...flags, '--bootstrap', '--skip-networking'], { ...user, env })
  const output: string[] = []
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
  }
  server.stdin.on('error', () => {}) // It ended early; its exit says so.
  server.stdin.end(`${statements.join('\n')}\n`)
  const code = await new Promise<number | null>((resolve, reject) => {
    server.once('error', reject)
    server.once('close', resolve)
  })
  if (code !== 0) throw new Error(`MariaDB could not make its system tables:\n${output.join('')}`)
}

/** Whether a client can connect now; false as well while the server is still recovering. */
async function accepts(url: string): Promise<boolean> {
  try {
    const connection = await createConnection({ uri: url, connectTimeout: 2_000 })
    await connection.end()
    return true
  } catch {
    return false
  }
}
