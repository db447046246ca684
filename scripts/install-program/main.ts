// Runs on the packed packages alone, as a user has them after an install: no workspace, no source condition.
import { PGlite } from '@electric-sql/pglite'
import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { createStepping, defineStep, httpStep, unchecked } from '@stepping/core'
import { printSchema, selfTm } from '@stepping/self-tm'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/pglite'

const client = new PGlite()
const db = drizzle(client)
await db.execute(sql`create table orders (id int primary key)`)
const orders = drizzlePostgres(db, { name: 'orders' })
const mailed = Promise.withResolvers<number>()
const sendMail = defineStep({
  name: 'SendMail',
  args: unchecked<{ orderId: number }>(),
  run: ({ args }) => mailed.resolve(args.orderId),
})

{
  await using stepping = createStepping({
    app: 'shop',
    tm: selfTm({ database: orders }),
    databases: [orders],
    steps: [sendMail],
  })
  await stepping.migrate()
  await stepping.start()
  const began = performance.now()
  await stepping.transaction(orders, async (tx, job) => {
    await tx.execute(sql`insert into orders values (7)`)
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
  console.log(`first step after ${Math.round(performance.now() - began)} ms`)
}
if (!printSchema().includes('create table "stepping"."job"'))
  throw new Error('No schema is printed.')
await client.close()
