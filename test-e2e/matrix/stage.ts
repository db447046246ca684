import { freePort, runChild } from '@stepping/test-support'
import type { Child, TakenDtm } from '@stepping/test-support'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AppEnvironment } from './app.ts'
import type { Cell } from './cells.ts'
import { productOf } from './libraries/index.ts'
import type { Product, Row, Table } from './library.ts'
import type { Place } from './places.ts'
import { readTraces } from './trace.ts'
import type { Trace } from './trace.ts'

/** What a cell needs around it. */
export interface Surroundings {
  readonly dtm: Pick<TakenDtm, 'url' | 'grpc' | 'callbackHost'> | undefined
  /** An empty database of the product, which nobody else uses. */
  readonly place: (product: Product, label: string) => Promise<Place>
}

/** The databases of one cell, and the processes that play in it. */
export interface Stage {
  /**
   * DTM calls a job's steps where the process listened that added it: at its door, one of `doors`. What is to die has
   * one of its own, or another process would be called instead. Default: at all of them.
   */
  run(env: Pick<AppEnvironment, 'DO' | 'CRASH' | 'LOAD_EVERY_MS'>, door?: number): Child
  traces(): Trace[]
  /** Until then the cell's databases are kept. */
  close(): Promise<void>
}

const doors = 4

export async function openStage(
  { name, tm, library, store }: Cell,
  { dtm, place }: Surroundings,
  tenants = 0,
): Promise<Stage> {
  const orders = await place(productOf(library), name)
  const others: Place[] = []
  for (let n = 0; n < tenants; n++) others.push(await place(productOf(library), `${name} tenant`))
  const jobs = store && (await place(productOf(store), `${name} store`))
  const addresses = dtm ? await doorsAt(dtm.callbackHost) : []
  const trace = join(tmpdir(), `stepping-trace-${crypto.randomUUID()}`)
  return {
    run: (env, door) =>
      runChild(new URL('./app.ts', import.meta.url), {
        env: {
          LIBRARY: library,
          URL: orders.url,
          TM: tm,
          ...(store && jobs && { STORE_LIBRARY: store, STORE_URL: jobs.url }),
          ...(dtm && {
            DTM_SERVER: dtm.url,
            DTM_GRPC_SERVER: dtm.grpc,
            DOORS: (door === undefined ? addresses : [addresses[door]]).join(','),
          }),
          ...(tenants > 0 && { TENANT_URLS: others.map(({ url }) => url).join(',') }),
          TRACE: trace,
          ...env,
        },
      }),
    traces: () => readTraces(trace),
    async close() {
      await rm(trace, { force: true })
      for (const each of [orders, ...others]) await each.drop()
      await jobs?.drop()
    },
  }
}

async function doorsAt(host: string): Promise<readonly string[]> {
  const addresses: string[] = []
  for (let door = 0; door < doors; door++) addresses.push(`${host}:${await freePort()}`)
  return addresses
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
