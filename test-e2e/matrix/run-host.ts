import { runChild } from '@stepping/test-support'
import type { Child } from '@stepping/test-support'
import type { AppSettings } from './app.ts'
import type { Row } from './library.ts'

/** A process with the apps of cells. */
export interface Host extends Pick<Child, 'pid' | 'exit' | 'kill'> {
  /** All that was printed, for people. */
  output(): string
  /** What the app of a cell said so far. */
  linesOf(cell: string): string[]
  /** The first such line; rejects if the app failed or the process ended before it. */
  line(cell: string, matches: (line: string) => boolean): Promise<string>
}

/** @param endAfterMs When a process that hangs is ended, so that whoever waits for a line is told what it printed. */
export function runHost(apps: readonly AppSettings[], endAfterMs?: number): Host {
  const child = runChild(new URL('./host.ts', import.meta.url), {
    env: { APPS: JSON.stringify(apps) },
  })
  if (endAfterMs !== undefined) {
    const alarm = setTimeout(() => child.kill(), endAfterMs)
    void child.exit.then(() => clearTimeout(alarm))
  }
  return {
    pid: child.pid,
    exit: child.exit,
    kill: (signal) => child.kill(signal),
    output: () => [...child.lines, ...child.errorLines].join('\n'),
    linesOf(cell) {
      const head = `${cell}: `
      return child.lines.flatMap((line) => (line.startsWith(head) ? line.slice(head.length) : []))
    },
    async line(cell, matches) {
      const head = `${cell}: `
      const failed = `${head}failed `
      const line = await child.line(
        (each) =>
          each.startsWith(failed) || (each.startsWith(head) && matches(each.slice(head.length))),
      )
      if (line.startsWith(failed)) throw new Error(JSON.parse(line.slice(failed.length)) as string)
      return line.slice(head.length)
    },
  }
}

/** What an app printed for `rows`. */
export async function rowsOf(
  host: Host,
  cell: string,
): Promise<{ readonly orders: readonly Row[]; readonly ledger: readonly Row[] }> {
  const head = 'rows '
  const line = await host.line(cell, (each) => each.startsWith(head))
  return JSON.parse(line.slice(head.length)) as { orders: Row[]; ledger: Row[] }
}
