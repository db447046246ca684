import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

/** SIGKILL for a process and its children, all at one moment; resolves when none of them runs any more. */
export async function killTree(pid: number): Promise<void> {
  // Stopped first, so that it can neither start another child nor notice that one is gone.
  process.kill(pid, 'SIGSTOP')
  const children = await childrenOf(pid)
  for (const each of [pid, ...children]) {
    try {
      process.kill(each, 'SIGKILL')
    } catch {
      // A child that ended on its own since it was listed.
    }
  }
  for (const each of [pid, ...children]) while (await isRunning(each)) await delay(5)
}

/** The processes that `pid` started and that still run. */
export async function childrenOf(pid: number): Promise<number[]> {
  const processes = await listProcesses()
  return processes.filter((each) => each.parent === pid && !each.ended).map((each) => each.pid)
}

/** A process that ended but was not yet collected by its parent does not count. */
export async function isRunning(pid: number): Promise<boolean> {
  const processes = await listProcesses()
  return processes.some((each) => each.pid === pid && !each.ended)
}

interface Process {
  pid: number
  parent: number
  ended: boolean
}

async function listProcesses(): Promise<Process[]> {
  // Small Linux images have no ps; other systems have no /proc.
  const lines = process.platform === 'linux' ? await readProc() : await readPs()
  return lines.map(([pid, parent, state]) => ({
    pid: Number(pid),
    parent: Number(parent),
    ended: state?.startsWith('Z') ?? true,
  }))
}

async function readProc(): Promise<string[][]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      // pid (command) state parent ...: the command may contain anything, also a bracket.
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return parent && state ? [pid, parent, state] : []
    }),
  )
  return lines.filter((line) => line.length > 0)
}

async function readPs(): Promise<string[][]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,stat='])
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
}
