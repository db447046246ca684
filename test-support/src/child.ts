import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { guard } from './guard.ts'

export interface ChildOptions {
  args?: readonly string[]
  /** Added to the environment of this process. */
  env?: Record<string, string>
  /** Flags for node itself. */
  nodeOptions?: readonly string[]
}

/** A real process, which a test may kill at the point it is about. */
export interface Child {
  readonly pid: number
  /** What it printed so far, line by line. */
  readonly lines: readonly string[]
  /** The same of standard error. */
  readonly errorLines: readonly string[]
  /** Settles when the process has ended and all its output has arrived; never rejects. */
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /**
   * The first line of standard output for which `matches` is true, also if it was printed before the call.
   * Rejects, with what the process printed, if it ends before such a line.
   */
  line(matches: (line: string) => boolean): Promise<string>
  /** Sends a signal; `exit` tells when it worked. */
  kill(signal?: NodeJS.Signals): void
}

const sourceFlags = [
  '--conditions=@stepping/source',
  `--import=${new URL('drizzle-loading.ts', import.meta.url).href}`,
]

/** Many short processes run the same sources: compiled once, each starts in half the time. */
const compileCache = join(tmpdir(), 'stepping-compile-cache')

/**
 * Runs a TypeScript file in a process of its own, with the node that runs this test and the sources of the packages.
 * To be called in a test: it is killed when the test ends, and when this process ends.
 */
export function runChild(script: string | URL, options: ChildOptions = {}): Child {
  const file = script instanceof URL ? fileURLToPath(script) : script
  const flags = [...sourceFlags, ...(options.nodeOptions ?? [])]
  const child = spawn(process.execPath, [...flags, file, ...(options.args ?? [])], {
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`Could not run ${process.execPath}.`)

  const lines: string[] = []
  const errorLines: string[] = []
  const waiting = new Set<(line: string) => void>()
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    for (const look of waiting) look(line)
  })
  createInterface(child.stderr).on('line', (line) => errorLines.push(line))

  const callOff = guard(pid, 'KILL')
  const exit: Child['exit'] = new Promise((resolve) => {
    child.once('close', (code, signal) => {
      callOff()
      resolve({ code, signal })
    })
  })

  const self: Child = {
    pid,
    lines,
    errorLines,
    exit,
    line(matches) {
      const printed = lines.find(matches)
      if (printed !== undefined) return Promise.resolve(printed)
      return new Promise((resolve, reject) => {
        const look = (line: string) => {
          if (!matches(line)) return
          waiting.delete(look)
          resolve(line)
        }
        waiting.add(look)
        void exit.then(({ code, signal }) =>
          reject(
            new Error(
              `${file} ended (${signal ?? `code ${code}`}) before printing the expected line.\n` +
                `It printed:\n${[...lines, ...errorLines].join('\n')}`,
            ),
          ),
        )
      })
    },
    kill: (signal = 'SIGKILL') => void child.kill(signal),
  }
  onTestFinished(async () => {
    self.kill()
    await exit
  })
  return self
}
