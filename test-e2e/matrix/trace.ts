import { appendFileSync, readFileSync } from 'node:fs'

/** What a process did, written so that a SIGKILL right after it cannot take it away. */
export interface Trace {
  readonly pid: number
  readonly what: 'placed' | 'committed' | 'begin' | 'end'
  readonly gid: string
  /** Which order of the scenario. */
  readonly label: string
  readonly step?: string
}

export function append(file: string, trace: Omit<Trace, 'pid'>): void {
  // One write of one line to a file opened for appending does not mix with another process's.
  appendFileSync(file, `${JSON.stringify({ pid: process.pid, ...trace })}\n`)
}

export function readTraces(file: string): Trace[] {
  const lines = readFileSync(file, { encoding: 'utf8', flag: 'a+' }).split('\n')
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Trace)
}
