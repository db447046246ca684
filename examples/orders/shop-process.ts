import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { NotObserved, within } from './observe.ts'
import { shopLog } from './terminal.ts'

/** The shop, in a process of its own. */
export interface ShopProcess {
  readonly pid: number
  readonly url: string
  /** What it logged. */
  readonly log: readonly string[]
  /** Resolves with how the process ended. */
  readonly exit: Promise<NodeJS.Signals | number>
  /** Asks it to end; `exit` tells when it has. */
  stop(): void
}

const script = fileURLToPath(new URL('shop.ts', import.meta.url))
const endWithParent = new URL('end-with-parent.ts', import.meta.url).href
const running = new Set<ChildProcess>()

/** Resolves when it takes orders. */
export async function startShop(env: Readonly<Record<string, string>>): Promise<ShopProcess> {
  const child = spawn(process.execPath, [...process.execArgv, '--import', endWithParent, script], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  running.add(child)
  const exit = new Promise<NodeJS.Signals | number>((resolve) => {
    // 'close' comes after 'exit', when all its output was read.
    child.once('close', (code, signal) => {
      running.delete(child)
      resolve(signal ?? code ?? 0)
    })
  })
  const log: string[] = []
  createInterface(child.stderr).on('line', (line) => {
    log.push(line)
    shopLog(line)
  })
  const listening = new Promise<string>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      const url = /^listening on (\S+)$/.exec(line)?.[1]
      if (url) resolve(url)
      else shopLog(line)
    })
  })
  const ended = exit.then((how) => {
    throw new NotObserved(`the shop starts (it ended: ${how})`)
  })
  const url = await within('the shop starts', Promise.race([listening, ended]))
  return { pid: child.pid!, url, log, exit, stop: () => void child.kill('SIGTERM') }
}

/** Whatever still runs: a shop never outlives this program. */
export async function killShops(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const closed = new Promise((resolve) => child.once('close', resolve))
      child.kill('SIGKILL')
      await closed
    }),
  )
}
