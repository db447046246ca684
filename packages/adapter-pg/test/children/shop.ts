import { createStepping, defineStep, unchecked } from '@stepping/core'
import type { CommittableContext, Database, Step, Stepping } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import type { AnySqlDatabase } from '@stepping/sql'
import type { CrashPoint } from './die-at-commit.ts'

export const forms = ['a transaction', 'a transaction of the user', 'start'] as const

export interface ShopEnvironment {
  ORDERS_URL: string
  /** Where the jobs are stored; the orders' own database makes it the outbox path. */
  STORE_URL: string
  /** Places one order by this form; without it, the process only works. */
  FORM?: (typeof forms)[number]
  CRASH?: CrashPoint
}

/** What a process of the crash tests does with one library. */
export interface Library<Tx> {
  readonly orders: AnySqlDatabase & Database<Tx, CommittableContext>
  readonly store: AnySqlDatabase
  insert(tx: Tx, table: 'orders' | 'mails', sku: string): Promise<unknown>
  begin(): Promise<Tx>
  commit(tx: Tx): Promise<unknown>
}

/** An app with one step, which writes a mail once for each order; says `started`, and then places its order. */
export async function runShop<Tx>({ orders, store, ...library }: Library<Tx>): Promise<void> {
  const { FORM: form } = process.env as unknown as ShopEnvironment
  const mail = defineStep({
    name: 'Mail',
    args: unchecked<string>(),
    async run({ args, once }) {
      await once(orders, async (tx) => void (await library.insert(tx, 'mails', args)))
    },
  })
  const stepping = createStepping({
    app: 'shop',
    tm: selfTm({ database: store, leaseMs: 1_000, pollMs: 100, queryPreparedAfterMs: 200 }),
    databases: [orders],
    steps: [mail],
  })
  await stepping.start()
  console.log('started')
  if (form === 'a transaction') {
    await stepping.transaction(orders, async (tx, job) => {
      await library.insert(tx, 'orders', 'placed')
      job.addStep(mail, 'placed')
    })
  } else if (form) await placeByHand({ orders, ...library }, stepping, mail, form)
}

async function placeByHand<Tx>(
  { orders, insert, begin, commit }: Omit<Library<Tx>, 'store'>,
  stepping: Stepping,
  mail: Step<string>,
  form: (typeof forms)[number],
): Promise<void> {
  const tx = await begin()
  await insert(tx, 'orders', 'placed')
  const job = stepping.createJob(orders.context(tx)).addStep(mail, 'placed')
  if (form === 'start') {
    await job.start()
    return
  }
  await job.prepareAndInsertBarrier()
  await commit(tx)
  await job.submit()
}
