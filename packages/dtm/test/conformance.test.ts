import { describeTransactionManager } from '@stepping/conformance'
import { startDtm } from '@stepping/test-support'
import { newest } from '../../adapter-pg/test/conformance.ts'
import { openFleet } from './fleet.ts'

describeTransactionManager({
  name: 'the DTM server',
  data: newest,
  // DTM asks about a job after three to six seconds.
  patienceMs: 40_000,
  limits: {
    conflicts:
      'DTM takes a second prepare for a repeat of the first; only gids of callers are compared',
  },
  async open() {
    const server = await startDtm()
    const fleet = await openFleet({ server: server.url, drainMs: 200, longestRetryMs: 3_000 })
    return {
      manager: () => fleet.add(),
      enlists: { lacking: 'no transaction reaches into DTM' },
      async close() {
        await fleet.close()
        await server.stop()
      },
    }
  },
})
