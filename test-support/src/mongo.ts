import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import type { Document } from 'mongodb'
import { freePort } from './free-port.ts'
import { guard } from './guard.ts'
import { findMongoBinary, type MongoBinary } from './mongo-binaries.ts'

export interface MongoOptions {
  /** More server parameters. `enableTestCommands` is on, for fail points. */
  parameters?: Record<string, string>
  /** A server without a replica set, which has no transactions. */
  standalone?: boolean
  /** A server for a replica set of several, which somebody else makes of them. */
  member?: boolean
  /** Whoever connects has to log in; the URL has the login of an administrator. */
  auth?: boolean
}

/**
 * A replica set of one server, the caller's own, which it may stop and crash as it likes. Acknowledged majority writes
 * are in its journal, as in production.
 */
export interface MongoServer extends AsyncDisposable {
  readonly url: string
  readonly dataDir: string
  /** For people: which binary runs. */
  readonly source: string
  /** An outage: disconnects all clients and shuts down cleanly. The data stay for `start`. */
  shutdown(): Promise<void>
  /** A crash: SIGKILL for the server; resolves when it is gone. The data stay for `start`. */
  kill(): Promise<void>
  /** Starts again after `shutdown` or `kill`, with the same data and port. Resolves when it accepts writes. */
  start(): Promise<void>
  /** Ends the server for good and removes its folder. */
  stop(): Promise<void>
}

const replicaSet = 'rs0'

const administrator = { user: 'admin', password: 'secret' }

/** Starts a MongoDB server on this machine. However this process ends, the server ends with it. */
export async function startMongo(options: MongoOptions = {}): Promise<MongoServer> {
  const binary = await findMongoBinary()
  const folder = await mkdtemp(join(tmpdir(), 'stepping-mongo-'))
  try {
    return await startIn(folder, binary, options)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function startIn(
  folder: string,
  binary: MongoBinary,
  { parameters = {}, standalone = false, member = false, auth = false }: MongoOptions,
): Promise<MongoServer> {
  const dataDir = join(folder, 'data')
  const logFile = join(folder, 'log')
  await mkdir(dataDir)
  const port = await freePort()
  const direct = `mongodb://127.0.0.1:${port}/?directConnection=true`
  const keyFile = join(folder, 'key')
  if (auth) await writeFile(keyFile, randomBytes(64).toString('hex'), { mode: 0o600 })
  const settings: [name: string, value: string][] = [
    ['dbpath', dataDir],
    ['bind_ip', '127.0.0.1'],
    ['port', `${port}`],
    ['unixSocketPrefix', folder],
    ['wiredTigerCacheSizeGB', '0.25'],
    ['setParameter', 'enableTestCommands=1'],
  ]
  // A killed client's transaction keeps its locks for so long; the server's own default is a minute.
  const always = { transactionLifetimeLimitSeconds: '5' }
  for (const [name, value] of Object.entries({ ...always, ...parameters })) {
    settings.push(['setParameter', `${name}=${value}`])
  }
  if (!standalone) settings.push(['replSet', replicaSet], ['oplogSize', '64'])
  if (auth) settings.push(['keyFile', keyFile])
  const args = settings.flatMap(([name, value]) => [`--${name}`, value])
  let running: { pid: number; exited: Promise<void> } | undefined

  async function isReady(): Promise<boolean> {
    const hello = await answer(direct, standalone || member ? undefined : `127.0.0.1:${port}`)
    return hello !== undefined && (member || hello['isWritablePrimary'] === true)
  }

  async function start(): Promise<void> {
    if (running !== undefined) throw new Error('This MongoDB server is running already.')
    const log = openSync(logFile, 'a')
    const server = spawn(binary.file, args, {
      env: { ...process.env, ...binary.env },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    const { pid } = server
    if (pid === undefined) throw new Error(`Could not run ${binary.file}.`)
    const callOff = guard(pid, 'KILL', folder)
    const exited = new Promise<void>((resolve) => {
      server.once('exit', () => {
        running = undefined
        callOff()
        resolve()
      })
    })
    running = { pid, exited }
    while (!(await isReady())) {
      if (running === undefined) {
        throw new Error(`MongoDB ended while starting:\n${await readFile(logFile, 'utf8')}`)
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
  if (auth) await createAdministrator(direct)
  return {
    url: standalone || member ? direct : urlOf(port, auth),
    dataDir,
    source: `local replica set of ${binary.source}`,
    shutdown: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function urlOf(port: number, auth: boolean): string {
  const { user, password } = administrator
  return `mongodb://${auth ? `${user}:${password}@` : ''}127.0.0.1:${port}/?replicaSet=${replicaSet}`
}

/** The first user may be created without a login, from the same machine. */
async function createAdministrator(url: string): Promise<void> {
  const { user, password } = administrator
  await using client = new MongoClient(url)
  await client.db('admin').command({ createUser: user, pwd: password, roles: ['root'] })
}

/** Makes a server a replica set of its own, under this name of it, and waits until it accepts writes. */
export async function untilPrimary(url: string, host: string): Promise<void> {
  while ((await answer(url, host))?.['isWritablePrimary'] !== true) await delay(20)
}

/** What a server says of itself, if it is there. Under a name that is given it is made a replica set of its own. */
async function answer(url: string, host?: string): Promise<Document | undefined> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 500 })
  try {
    const admin = client.db('admin')
    const hello = await admin.command({ hello: 1 })
    if (host !== undefined && hello['setName'] === undefined) {
      const config = { _id: replicaSet, members: [{ _id: 0, host }] }
      await admin.command({ replSetInitiate: config })
    }
    return hello
  } catch {
    return undefined
  } finally {
    await client.close()
  }
}
