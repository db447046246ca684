import { runChild } from '@stepping/test-support'
import type { Child } from '@stepping/test-support'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AppEnvironment } from './app.ts'
import type { Cell } from './cells.ts'
import { productOf } from './libraries/index.ts'
import type { Row, Table } from './library.ts'
import { freshPlace } from './places.ts'
import { readTraces } from './trace.ts'
import type { Trace } from './trace.ts'

/** The databases of one cell, and the processes that play in it. */
export interface Stage {
  run(env: Pick<AppEnvironment, 'DO' | 'CRASH'>): Child
  traces(): Trace[]
  /** Until then the cell's databases are kept. */
  close(): Promise<void>
}

export async function openStage({ name, tm, library, store }: Cell): Promise<Stage> {
  const orders = await freshPlace(productOf(library), name)
  const jobs = store && (await freshPlace(productOf(store), `${name} store`))
  const trace = join(tmpdir(), `stepping-trace-${crypto.randomUUID()}`)
  return {
    run: (env) =>
      runChild(new URL('./app.ts', import.meta.url), {
        env: {
          LIBRARY: library,
          URL: orders.url,
          TM: tm,
          ...(store && jobs && { STORE_LIBRARY: store, STORE_URL: jobs.url }),
          TRACE: trace,
          ...env,
        },
      }),
    traces: () => readTraces(trace),
    async close() {
      await rm(trace, { force: true })
      await orders.drop()
      await jobs?.drop()
    },
  }
}

/** The rows that a process printed for `rows`. */
export async function rowsOf(child: Child, table: Table): Promise<Row[]> {
  const head = `rows ${table} `
  const line = await child.line((each) => each.startsWith(head))
  return JSON.parse(line.slice(head.length)) as Row[]
}

/** What actions did that they should not have done. */
export function unexpected(child: Child): string[] {
  return child.lines.filter((line) => line.startsWith('unexpected'))
}
