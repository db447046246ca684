import { describeTransactionManager } from '@stepping/conformance'
import { freshDatabase, startDtm } from '@stepping/test-support'
import type { DtmServer } from '@stepping/test-support'
import { inject } from 'vitest'
import { newest } from '../../adapter-pg/test/conformance.ts'
import { openFleet } from './fleet.ts'
import type { Fleet } from './fleet.ts'
import { openGrpcFleet } from './grpc-fleet.ts'

// A call that DTM gives up it makes once more: on a busy machine that must not be what is seen.
const options = { drainMs: 200, longestRetryMs: 3_000, jobs: { requestTimeoutMs: 20_000 } }

interface Transport {
  readonly name: string
  readonly start: () => Promise<DtmServer>
  readonly openFleet: (server: DtmServer) => Promise<Fleet>
}

const transports: readonly Transport[] = [
  {
    name: 'the DTM server',
    start: () => startDtm(),
    openFleet: ({ url }) => openFleet({ server: url, ...options }),
  },
  {
    name: 'the DTM server over gRPC, with its jobs in PostgreSQL',
    start: async () => {
      const { url } = await freshDatabase(inject('postgresUrl'), 'dtm')
      return await startDtm({ postgresUrl: url })
    },
    openFleet: ({ url, grpc }) => openGrpcFleet({ server: url, grpcServer: grpc, ...options }),
  },
]

for (const transport of transports) {
  describeTransactionManager({
    name: transport.name,
    data: newest,
    // DTM asks about a job after three to six seconds.
    patienceMs: 40_000,
    limits: {
      conflicts:
        'DTM takes a second prepare for a repeat of the first; only gids of callers are compared',
    },
    async open() {
      const server = await transport.start()
      const fleet = await transport.openFleet(server)
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
