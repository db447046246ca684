import { freePort } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AppSettings } from './app.ts'
import type { Cell } from './cells.ts'
import { productOf } from './libraries/index.ts'
import type { Product } from './library.ts'
import type { Place } from './places.ts'
import { readTraces } from './trace.ts'
import type { Trace } from './trace.ts'

/** What a cell needs around it. */
export interface Surroundings {
  readonly dtm: Pick<TakenDtm, 'url' | 'grpc' | 'callbackHost'> | undefined
  /** An empty database of the product, which nobody else uses. */
  readonly place: (product: Product, label: string) => Promise<Place>
}

/** The databases of one cell, in which the apps of one process after another play. */
export interface Stage {
  readonly cell: Cell
  /**
   * DTM calls a job's steps where the process listened that added it: at its door, one of `doors`. What is to die has
   * one of its own, or another process would be called instead. Default: at all of them.
   */
  app(
    what: Pick<AppSettings, 'do' | 'crash' | 'outages' | 'loadEveryMs'>,
    door?: number,
  ): AppSettings
  traces(): Trace[]
  /** Until then the cell's databases are kept. */
  close(): Promise<void>
}

const doors = 4

export async function openStage(
  cell: Cell,
  { dtm, place }: Surroundings,
  tenants = 0,
): Promise<Stage> {
  const { name, tm, library, store } = cell
  const orders = await place(productOf(library), name)
  const others: Place[] = []
  for (let n = 0; n < tenants; n++) others.push(await place(productOf(library), `${name} tenant`))
  const jobs = store && (await place(productOf(store), `${name} store`))
  const addresses = dtm && tm.startsWith('dtm') ? await doorsAt(dtm.callbackHost) : []
  const trace = join(tmpdir(), `stepping-trace-${crypto.randomUUID()}`)
  return {
    cell,
    app: (what, door) => ({
      cell: name,
      tm,
      orders: { library, url: orders.url },
      ...(store && jobs && { store: { library: store, url: jobs.url } }),
      tenantUrls: others.map(({ url }) => url),
      ...(dtm && {
        dtm: {
          server: dtm.url,
          grpcServer: dtm.grpc,
          doors: door === undefined ? addresses : [addresses[door]!],
        },
      }),
      trace,
      ...what,
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
