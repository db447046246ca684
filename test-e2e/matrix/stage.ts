import { freePort, runChild } from '@stepping/test-support'
import type { Child, TakenDtm } from '@stepping/test-support'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AppEnvironment } from './app.ts'
import type { Cell } from './cells.ts'
import { deaths } from './crash-points.ts'
import { productOf } from './libraries/index.ts'
import type { Row, Table } from './library.ts'
import { freshPlace } from './places.ts'
import { readTraces } from './trace.ts'
import type { Trace } from './trace.ts'

type StageEnvironment = Pick<AppEnvironment, 'DO' | 'CRASH'>

/** The databases of one cell, and the processes that play in it. */
export interface Stage {
  run(env: StageEnvironment): Child
  traces(): Trace[]
  /** Until then the cell's databases are kept. */
  close(): Promise<void>
}

export async function openStage(
  { name, tm, library, store }: Cell,
  dtm: TakenDtm | undefined,
): Promise<Stage> {
  const orders = await freshPlace(productOf(library), name)
  const jobs = store && (await freshPlace(productOf(store), `${name} store`))
  const doors = dtm && (await openDoors(dtm))
  const trace = join(tmpdir(), `stepping-trace-${crypto.randomUUID()}`)
  return {
    run: (env) =>
      runChild(new URL('./app.ts', import.meta.url), {
        env: {
          LIBRARY: library,
          URL: orders.url,
          TM: tm,
          ...(store && jobs && { STORE_LIBRARY: store, STORE_URL: jobs.url }),
          ...doors?.for(env),
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

/**
 * DTM calls a job's steps where the process listened that added it. Those that die have a door of their own
 * each, or another process would be called instead; the last process listens at all.
 */
async function openDoors(dtm: TakenDtm): Promise<{
  for(env: StageEnvironment): Pick<AppEnvironment, 'DTM_SERVER' | 'CALLBACK_URLS'>
}> {
  const open = async (): Promise<string> =>
    `http://${dtm.callbackHost}:${await freePort()}/stepping`
  const common = await open()
  const ofDying: string[] = []
  for (const _ of deaths) ofDying.push(await open())
  return {
    for({ CRASH, DO = '' }) {
      const urls = CRASH
        ? [ofDying[deaths.findIndex((points) => points.some((point) => CRASH.includes(point)))]]
        : [common, ...(DO.startsWith('settle') ? ofDying : [])]
      return { DTM_SERVER: dtm.url, CALLBACK_URLS: urls.join(',') }
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
