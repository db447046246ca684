import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { findDtmBinary, type DtmBinary } from './dtm-binary.ts'
import { freePort } from './free-port.ts'
import { guard } from './guard.ts'

export interface DtmOptions {
  /** Keeps its transactions in this PostgreSQL database, whose DTM tables are made anew. Default: in a BoltDB file. */
  postgresUrl?: string
  /** More settings, by the names that its environment has. */
  settings?: Readonly<Record<string, string>>
}

/** A server of the caller's own, which it may stop and crash as it likes. */
export interface DtmServer extends AsyncDisposable {
  /** Of its HTTP API. */
  readonly url: string
  /** Host and port of its gRPC API. */
  readonly grpc: string
  /** For people: which binary runs. */
  readonly source: string
  /** What it wrote to its log so far. */
  log(): Promise<string>
  /** A crash: SIGKILL; resolves when it is gone. Its transactions stay for `start`. */
  kill(): Promise<void>
  /** Starts again after `kill`, with the same transactions and ports. Resolves when it answers. */
  start(): Promise<void>
  /** Ends the server for good and removes its folder. */
  stop(): Promise<void>
}

/** Starts a DTM server on this machine. However this process ends, the server ends with it. */
export async function startDtm(options: DtmOptions = {}): Promise<DtmServer> {
  const binary = await findDtmBinary()
  const folder = await mkdtemp(join(tmpdir(), 'stepping-dtm-'))
  try {
    return await startIn(folder, binary, options)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function startIn(
  folder: string,
  binary: DtmBinary,
  { postgresUrl, settings = {} }: DtmOptions,
): Promise<DtmServer> {
  const logFile = join(folder, 'log')
  const [port, grpcPort] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${port}`
  const env = {
    HTTP_PORT: `${port}`,
    GRPC_PORT: `${grpcPort}`,
    LOG_LEVEL: 'warn',
    ...(postgresUrl === undefined ? {} : await postgresStore(postgresUrl, binary.schema)),
    ...settings,
  }
  let running: { pid: number; exited: Promise<void> } | undefined

  async function start(): Promise<void> {
    if (running !== undefined) throw new Error('This DTM server is running already.')
    const log = openSync(logFile, 'a')
    // Its BoltDB file is made where it is started.
    const server = spawn(binary.file, [], { cwd: folder, env, stdio: ['ignore', log, log] })
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
    while (!(await answers(url))) {
      if (running === undefined) {
        throw new Error(`DTM ended while starting:\n${await readFile(logFile, 'utf8')}`)
      }
      await delay(20)
    }
  }

  async function kill(): Promise<void> {
    if (running === undefined) return
    const { pid, exited } = running
    process.kill(pid, 'SIGKILL')
    await exited
  }

  async function stop(): Promise<void> {
    await kill()
    await rm(folder, { recursive: true, force: true })
  }

  await start()
  return {
    url,
    grpc: `127.0.0.1:${grpcPort}`,
    source: binary.source,
    log: () => readFile(logFile, 'utf8'),
    kill,
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Makes DTM's tables in the database; resolves with the settings that lead to it. */
async function postgresStore(
  postgresUrl: string,
  schema: string,
): Promise<Readonly<Record<string, string>>> {
  const client = new Client({ connectionString: postgresUrl })
  await client.connect()
  try {
    await client.query(await readFile(schema, 'utf8'))
  } finally {
    await client.end()
  }
  const { hostname, port, username, password, pathname } = new URL(postgresUrl)
  return {
    STORE_DRIVER: 'postgres',
    STORE_HOST: hostname,
    STORE_PORT: port === '' ? '5432' : port,
    STORE_USER: decodeURIComponent(username),
    // Without any, the next setting would be taken for it.
    STORE_PASSWORD: password === '' ? 'none' : decodeURIComponent(password),
    STORE_DB: decodeURIComponent(pathname.slice(1)),
  }
}

async function answers(url: string): Promise<boolean> {
  return await fetch(`${url}/api/ping`, { signal: AbortSignal.timeout(1_000) }).then(
    (response) => response.ok,
    () => false,
  )
}
