import { randomBytes } from 'node:crypto'
import { jobsLeft } from './shop-client.ts'
import type { ShopProcess } from './shop-process.ts'
import { tell } from './terminal.ts'

export const managerNames = ['self', 'dtm'] as const
export type ManagerName = (typeof managerNames)[number]

/** Who keeps the jobs of this run's shop and drives them. */
export interface Manager extends AsyncDisposable {
  /** For people. */
  readonly description: string
  /** What `transaction-manager.ts` reads. */
  readonly env: Readonly<Record<string, string>>
  /** How a job goes on whose shop was killed, for people: after the commit of its order, and in a step. */
  readonly goesOn: { readonly afterTheCommit: string; readonly inAStep: string }
  /** How many jobs are begun, waiting or parked. */
  jobsLeft(shop: ShopProcess): Promise<number>
}

export async function freshManager(name: ManagerName): Promise<Manager> {
  return name === 'dtm' ? await onServer() : inTheShop()
}

function inTheShop(): Manager {
  /** How long a job stays with a killed process. The default is 10 s; here somebody is watching. */
  const leaseMs = Number(process.env['LEASE_MS'] ?? 2_000)
  const wait = `${leaseMs / 1_000} s`
  return {
    description: 'the shop itself, in its database',
    env: { TM: 'self', LEASE_MS: `${leaseMs}` },
    goesOn: {
      afterTheCommit: `Her job belongs to the dead process until its lease is over (${wait}).`,
      inAStep: `${wait} later it repeats the count, whose end nobody could store.`,
    },
    jobsLeft,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** The DTM server of DTM_URL, or one that is started for this run. */
async function onServer(): Promise<Manager> {
  const { freePort, startDtm } = await import('@stepping/test-support')
  const { DTM_URL, PORT } = process.env
  if (!DTM_URL) tell('A DTM server is started for this run; DTM_URL can name one that is there ...')
  const started = DTM_URL ? undefined : await startDtm()
  const url = DTM_URL || started!.url
  // DTM calls the shop: it has to have the same port after each restart.
  const port = PORT ?? `${await freePort()}`
  return {
    description: started ? `a DTM server, ${started.source}` : 'the DTM server of DTM_URL',
    env: { TM: 'dtm', DTM_URL: url, PORT: port, SECRET: randomBytes(32).toString('hex') },
    goesOn: {
      afterTheCommit: 'The job waits in DTM, which soon asks whether the order was committed.',
      inAStep: 'DTM calls the count again, of which it never heard that it was done.',
    },
    async jobsLeft() {
      const counts = await Promise.all([open('prepared'), open('submitted')])
      return counts[0] + counts[1]
    },
    [Symbol.asyncDispose]: async () => await started?.stop(),
  }

  async function open(status: string): Promise<number> {
    const response = await fetch(`${url}/api/dtmsvr/all?limit=1000&status=${status}`)
    const { transactions } = (await response.json()) as {
      transactions: readonly { status: string; query_prepared?: string }[] | null
    }
    const ours = (transactions ?? []).filter(
      (each) => each.status === status && each.query_prepared?.includes(`:${port}/stepping`),
    )
    return ours.length
  }
}
