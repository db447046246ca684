import { createServer } from 'node:http'
import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { createStepping, defineStep } from '@stepping/core'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import { dtm, toNodeListener } from '../../src/index.ts'
import { secret } from '../secret.ts'

/** One process of an app with a ledger, whose one step goes on until it is told to stop, or ends at once. */
export interface HolderEnvironment {
  SERVER: string
  LEDGER_URL: string
  /** Where DTM calls, which is not this process itself. */
  CALLBACK_URL: string
  PORT: string
  ENDS?: string
  /** Adds a job. */
  PLACE?: string
}

const env = process.env as unknown as HolderEnvironment
const pool = new Pool({ connectionString: env.LEDGER_URL })
pool.on('error', () => {})

const hold = defineStep({
  name: 'Hold',
  async run({ signal }) {
    console.log('begun')
    if (env.ENDS) return
    await new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        console.log(`stopped by ${(signal.reason as { code?: string }).code}`)
        reject(signal.reason as Error)
      })
    })
  },
})

const tm = dtm({
  server: env.SERVER,
  callbackUrl: env.CALLBACK_URL,
  secrets: [secret],
  ledger: drizzlePostgres(drizzle(pool), { name: 'ledger' }),
})
createServer(toNodeListener(tm.handler)).listen(Number(env.PORT), '127.0.0.1')
const stepping = createStepping({ app: 'shop', tm, databases: [], steps: [hold] })
await stepping.start()
console.log('started')
if (env.PLACE) {
  const { gid } = await stepping.createJob().addStep(hold).start()
  console.log(`gid ${gid}`)
}
