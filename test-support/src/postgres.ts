import { execFile, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { chown, cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { freePort } from './free-port.ts'
import { guard } from './guard.ts'
import {
  findPostgresBinaries,
  HOW_TO_GET_POSTGRES,
  type PostgresBinaries,
} from './postgres-binaries.ts'
import { killTree } from './process-tree.ts'

export interface PostgresOptions {
  /** Acknowledged commits reach the disk (fsync on), as in production. Default false, which is much faster. */
  durable?: boolean
  /** More server settings, as in postgresql.conf. */
  settings?: Record<string, string>
}

/** A server of the caller's own, which it may stop and crash as it likes. */
export interface PostgresServer extends AsyncDisposable {
  readonly url: string
  readonly dataDir: string
  /** For people: which binaries run. */
  readonly source: string
  /** An outage: disconnects all clients and shuts down cleanly. The data stay for `start`. */
  shutdown(): Promise<void>
  /** A crash: SIGKILL for the server and its processes; resolves when they are gone. The data stay for `start`. */
  kill(): Promise<void>
  /** Starts again after `shutdown` or `kill`, with the same data and port. Resolves when it accepts connections. */
  start(): Promise<void>
  /** Ends the server for good and removes its folder. */
  stop(): Promise<void>
}

const run = promisify(execFile)

/** Nobody, by the number it has on every system: PostgreSQL refuses to run as root. */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

/** The server reads its messages and formats from the environment; tests should not depend on the machine's. */
const env = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }

/** Starts a PostgreSQL server on this machine. However this process ends, the server ends with it. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const found = await findPostgresBinaries()
  if (found === undefined) throw new Error(`No PostgreSQL to start: ${HOW_TO_GET_POSTGRES}.`)

  const folder = await mkdtemp(join(tmpdir(), 'stepping-postgres-'))
  try {
    return await startIn(folder, found, options)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function startIn(
  folder: string,
  binaries: PostgresBinaries,
  options: PostgresOptions,
): Promise<PostgresServer> {
  if (user.uid !== undefined) await chown(folder, user.uid, user.gid)
  const dataDir = join(folder, 'data')
  const logFile = join(folder, 'log')
  const port = await freePort()
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`
  const settings = {
    port: `${port}`,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    ...(options.durable === true ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...options.settings,
  }

  const bin = join(await readable(binaries, folder), 'bin')
  const asSuperuser = ['-U', 'postgres', '-A', 'trust']
  const quickly = ['--no-sync', '-E', 'UTF8', '--no-locale']
  await run(join(bin, 'initdb'), ['-D', dataDir, ...asSuperuser, ...quickly], { ...user, env })

  let running: { pid: number; exited: Promise<void> } | undefined

  async function start(): Promise<void> {
    if (running !== undefined) throw new Error('This PostgreSQL server is running already.')
    const log = openSync(logFile, 'a')
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const server = spawn(join(bin, 'postgres'), ['-D', dataDir, ...args], {
      ...user,
      env,
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    const { pid } = server
    if (pid === undefined) throw new Error(`Could not run ${bin}/postgres.`)
    // QUIT: ends all its processes without delay, and unlike KILL gives the shared memory back.
    const callOff = guard(pid, 'QUIT', folder)
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
        throw new Error(`PostgreSQL ended while starting:\n${await readFile(logFile, 'utf8')}`)
      }
      await delay(20)
    }
  }

  async function end(signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
    if (running === undefined) return
    process.kill(running.pid, signal)
    await running.exited
  }

  async function kill(): Promise<void> {
    if (running === undefined) return
    const { pid, exited } = running
    await killTree(pid)
    await exited
  }

  async function stop(): Promise<void> {
    await end('SIGQUIT')
    await rm(folder, { recursive: true, force: true })
  }

  await start()
  return {
    url,
    dataDir,
    source: `local server from ${binaries.source}`,
    shutdown: () => end('SIGINT'),
    kill,
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** The folder of the binaries, or a copy of it: nobody cannot read a checkout below a private home folder. */
async function readable(binaries: PostgresBinaries, folder: string): Promise<string> {
  const works = run(join(binaries.folder, 'bin', 'postgres'), ['--version'], { ...user, env })
  const copy = join(folder, 'postgres')
  return works.then(
    () => binaries.folder,
    () => cp(binaries.folder, copy, { recursive: true, dereference: true }).then(() => copy),
  )
}

/** Whether a client can connect now; false as well while the server is still recovering. */
async function accepts(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {}) // The server may go away again at any moment; connect() says what matters.
  try {
    await client.connect()
  } catch {
    return false
  }
  await client.end()
  return true
}
