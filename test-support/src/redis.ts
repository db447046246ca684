import { execFile, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { libraryPath, unpackDebianPackages } from './debian-packages.ts'
import { freePort } from './free-port.ts'
import { guard } from './guard.ts'

/** A Redis server of the caller's own, whose acknowledged writes are on the disk. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string
  /** Ends the server for good and removes its folder. */
  stop(): Promise<void>
}

/** Starts a Redis server on this machine. However this process ends, the server ends with it. */
export async function startRedis(): Promise<RedisServer> {
  const { file, env } = await findRedis()
  const folder = await mkdtemp(join(tmpdir(), 'stepping-redis-'))
  const logFile = join(folder, 'log')
  const port = await freePort()
  const log = openSync(logFile, 'a')
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always']
  const server = spawn(file, [...args, ...durable], {
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const { pid } = server
  if (pid === undefined) throw new Error(`Could not run ${file}.`)
  const callOff = guard(pid, 'KILL', folder)
  let running = true
  const exited = new Promise<void>((resolve) => {
    server.once('exit', () => {
      running = false
      callOff()
      resolve()
    })
  })

  async function stop(): Promise<void> {
    if (running) process.kill(pid!, 'SIGKILL')
    await exited
    await rm(folder, { recursive: true, force: true })
  }

  while (!(await answers(port))) {
    if (running) {
      await delay(20)
      continue
    }
    const said = await readFile(logFile, 'utf8')
    await stop()
    throw new Error(`Redis ended while starting:\n${said}`)
  }
  return { url: `redis://127.0.0.1:${port}`, stop, [Symbol.asyncDispose]: stop }
}

/** The server in the PATH; else the one of the Debian package, fetched once. */
async function findRedis(): Promise<{ file: string; env: Record<string, string> }> {
  const run = promisify(execFile)
  const installed = await run('redis-server', ['--version']).then(
    () => true,
    () => false,
  )
  if (installed) return { file: 'redis-server', env: {} }
  try {
    const folder = await unpackDebianPackages(['redis-server'])
    const env = { LD_LIBRARY_PATH: await libraryPath(folder) }
    return { file: join(folder, 'usr/bin/redis-server'), env }
  } catch (cause) {
    throw new Error(
      'No Redis to start: there is no redis-server in the PATH; Debian and Ubuntu have it in the package redis-server.',
      { cause },
    )
  }
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', () => {
      resolve(true)
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
  })
}
