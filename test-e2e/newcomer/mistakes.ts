import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { createStepping, defineStep, isSteppingError, unchecked } from '@stepping/core'
import type { SteppingEvent } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'

/** Makes the mistake that its environment names, as a newcomer would. */
const mistake = process.env['MISTAKE']
const pool = new Pool({ connectionString: process.env['DATABASE_URL'] })
const orders = drizzlePostgres(drizzle(pool), { name: 'orders' })
const args = unchecked<{ orderId: number; due?: unknown }>()
const sendMail = defineStep({ name: 'SendMail', args, run() {} })
const sendMial = defineStep({ name: 'SendMial', args, run() {} })
const told = Promise.withResolvers<void>()

const expected: Record<string, SteppingEvent['type']> = {
  'unknown step': 'step.unknown',
  'start forgotten': 'start.forgotten',
}
const onEvent = (event: SteppingEvent): void => {
  if (event.type === expected[mistake!]) told.resolve()
}
const app = { app: 'shop', tm: selfTm({ database: orders }), databases: [orders], onEvent }

try {
  await using stepping = createStepping({ ...app, steps: [sendMail] })
  if (mistake !== 'not migrated') await stepping.migrate()
  if (mistake !== 'start forgotten') await stepping.start()
  if (mistake === 'bad args') {
    stepping.createJob().addStep(sendMail, { orderId: 1, due: new Date() })
  }
  if (mistake === 'start forgotten') {
    await stepping.createJob().addStep(sendMail, { orderId: 1 }).start()
    // The reminder does not keep a process alive; this one waits for it.
    setTimeout(() => told.reject(new Error('nothing was told')), 10_000).unref()
    const alive = setInterval(() => {}, 1_000)
    await told.promise.finally(() => clearInterval(alive))
  }
  if (mistake === 'unknown step') {
    const other = createStepping({
      ...app,
      tm: selfTm({ database: orders }),
      steps: [sendMial],
      execute: false,
    })
    await other.createJob().addStep(sendMial, { orderId: 1 }).start()
    await other.close()
    await told.promise
    // Once, not at every look.
    for (let looks = 0; looks < 3; looks++) await stepping.health()
  }
} catch (error) {
  if (!isSteppingError(error)) throw error
  console.log(`${error.code}: ${error.message}`)
} finally {
  await pool.end()
}
