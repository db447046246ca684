import { createStepping } from '@stepping/core'
import { dtm, toNodeListener } from '@stepping/dtm'
import { createServer } from 'node:http'
import { createBusiness } from '../business.ts'
import { execute, probe, storeOf } from '../databases/postgres.ts'
import type { Probe, Side, SideOptions } from '../side.ts'
import { listen } from './listen.ts'
import { connect } from './stepping.ts'
import { enqueueing, numberedSteps } from './stepping-side.ts'

const { left, ...rest } = probe("select count(*) from trans_global where status <> 'succeed'")
/** What DTM has not done yet. */
export const dtmProbe: Probe = { ...rest, left: (url) => left(storeOf(url)) }

/** Where DTM is: the bench writes it into the URL of the database. */
export function dtmOf(url: string): string {
  return new URL(url).searchParams.get('dtm')!
}

export const steppingDtm: Side = {
  name: 'stepping-dtm',
  about:
    'the DTM provider over HTTP, its callbacks signed; the transaction over adapter-pg with prepare: true',
  probe: dtmProbe,
  async install(url) {
    await execute(url, createBusiness)
    const connected = connect(url, 1, false)
    await connected.database.migrate()
    await connected.end()
  },
  async open(url, options: SideOptions) {
    const connected = connect(url, options.connections, false)
    const server = createServer()
    const callbackUrl = `${await listen(server)}/stepping`
    const tm = dtm({ server: dtmOf(url), callbackUrl, secrets: ['bench '.repeat(8)] })
    server.on('request', toNodeListener(tm.handler))
    const numbered = numberedSteps(options)
    const stepping = createStepping({
      app: 'bench',
      tm,
      databases: [connected.database],
      steps: numbered,
      execute: options.run !== undefined,
    })
    await stepping.start()
    return {
      enqueue: enqueueing(stepping, numbered, connected),
      async close() {
        await stepping.close()
        server.closeAllConnections()
        server.close()
        await connected.end()
      },
    }
  },
}
