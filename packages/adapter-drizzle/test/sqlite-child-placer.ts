import { createClient } from '@libsql/client'
import { createStepping, defineStep, silentLogger, unchecked } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import Sqlite from 'better-sqlite3'
import { drizzle as overBetterSqlite3 } from 'drizzle-orm/better-sqlite3'
import { drizzle as overLibsql } from 'drizzle-orm/libsql'
import { drizzleSqlite } from '../src/index.ts'
import { notes } from './sqlite-drivers.ts'
import type { Db } from './sqlite-drivers.ts'

/** A process that places COUNT notes, each with a job, in transactions of its own on FILE. */
const { DRIVER, FILE = '', LABEL = 'note', COUNT = 'Infinity' } = process.env
const db =
  DRIVER === 'better-sqlite3'
    ? overBetterSqlite3({ client: new Sqlite(FILE) })
    : overLibsql({ client: createClient({ url: `file:${FILE}` }) })
const orders = drizzleSqlite(db as unknown as Db, { name: 'orders' })
const send = defineStep({ name: 'Send', args: unchecked<string>(), run() {} })
const stepping = createStepping({
  app: 'shop',
  tm: selfTm({ database: orders }),
  databases: [orders],
  steps: [send],
  execute: false,
  logger: silentLogger,
})

let longestMs = 0
for (let i = 0; i < Number(COUNT); i++) {
  const text = `${LABEL} ${i}`
  const from = performance.now()
  await stepping.transaction(orders, async (tx, job) => {
    await tx.insert(notes).values({ text })
    job.addStep(send, text)
    console.log(`placing ${text}`)
  })
  longestMs = Math.max(longestMs, performance.now() - from)
  console.log(`placed ${text}`)
}
console.log(`longest ${longestMs}`)
await stepping.close()
