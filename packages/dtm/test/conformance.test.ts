import { describeTransactionManager } from '@stepping/conformance'
import { startDtm } from '@stepping/test-support'
import type { DtmServer } from '@stepping/test-support'
import { newest } from '../../adapter-pg/test/conformance.ts'
import { openFleet } from './fleet.ts'
import type { Fleet } from './fleet.ts'
import { openGrpcFleet } from './grpc-fleet.ts'

const options = { drainMs: 200, longestRetryMs: 3_000 }

const transports: [name: string, open: (server: DtmServer) => Promise<Fleet>][] = [
  ['the DTM server', ({ url }) => openFleet({ server: url, ...options })],
  [
    'the DTM server over gRPC',
    ({ url, grpc }) => openGrpcFleet({ server: url, grpcServer: grpc, ...options }),
  ],
]

for (const [name, openTransport] of transports) {
  describeTransactionManager({
    name,
    data: newest,
    // DTM asks about a job after three to six seconds.
    patienceMs: 40_000,
    limits: {
      conflicts:
        'DTM takes a second prepare for a repeat of the first; only gids of callers are compared',
    },
    async open() {
      const server = await startDtm()
      const fleet = await openTransport(server)
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
}
