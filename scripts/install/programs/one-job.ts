import { createStepping, defineStep, httpStep, unchecked } from '@stepping/core'
import type { Database, TransactionManager } from '@stepping/core'

/** What every program does with its database: an order in a transaction, and a mail for it. */
export async function runOneJob<Tx>(
  tm: TransactionManager,
  database: Database<Tx>,
  insert: (tx: Tx) => Promise<unknown>,
): Promise<void> {
  const mailed = Promise.withResolvers<number>()
  const sendMail = defineStep({
    name: 'SendMail',
    args: unchecked<{ orderId: number }>(),
    run: ({ args }) => mailed.resolve(args.orderId),
  })
  await using stepping = createStepping({
    app: 'shop',
    tm,
    databases: [database],
    steps: [sendMail],
  })
  await stepping.migrate()
  await stepping.start()
  await stepping.transaction(database, async (tx, job) => {
    await insert(tx)
    job.addStep(sendMail, { orderId: 7 })
    // @ts-expect-error The args of another step.
    const wrongArgs = () => job.addStep(sendMail, { url: 'http://localhost' })
    // @ts-expect-error A step without its args.
    const noArgs = () => job.addStep(httpStep)
    // @ts-expect-error Inside a transaction the commit starts the job.
    const start = () => job.start()
    void [wrongArgs, noArgs, start]
  })
  if ((await mailed.promise) !== 7) throw new Error('The step ran with the wrong args.')
}
