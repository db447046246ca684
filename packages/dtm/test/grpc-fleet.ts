import { Client, credentials, status } from '@grpc/grpc-js'
import type {
  handleUnaryCall,
  Metadata,
  sendUnaryData,
  ServerUnaryCall,
  ServiceError,
} from '@grpc/grpc-js'
import { dtmGrpc } from '../src/grpc/index.ts'
import type { DtmGrpcOptions } from '../src/grpc/index.ts'
import { definition } from '../src/grpc/service.ts'
import { decodeSignedStep } from '../src/signed-step.ts'
import { Balancer } from './fleet.ts'
import type { Fleet } from './fleet.ts'
import { listenGrpc } from './listen-grpc.ts'
import type { ListeningServer } from './listen-grpc.ts'
import { secret } from './secret.ts'

type Method = keyof typeof definition
type Options = Partial<DtmGrpcOptions> & { server: string; grpcServer: string }

/** Processes that each have a gRPC server of their own, behind one that passes calls on. */
export async function openGrpcFleet(options: Options): Promise<Fleet> {
  const balancer = new Balancer<Promise<Client>>()
  const servers: ListeningServer[] = []
  const clients: Client[] = []

  function passOn(
    method: Method,
    appOf: (request: Buffer, metadata: Metadata) => string | null,
  ): handleUnaryCall<Buffer, Buffer> {
    const ask = async (
      { request, metadata }: ServerUnaryCall<Buffer, Buffer>,
      callback: sendUnaryData<Buffer>,
    ): Promise<void> => {
      const error = await balancer.call(
        appOf(request, metadata),
        async (client) => await call(await client, method, request, metadata),
        (given) => given?.code !== status.UNAVAILABLE,
      )
      if (error === undefined) callback({ code: status.UNAVAILABLE, details: 'nobody is there' })
      else callback(error, Buffer.alloc(0))
    }
    return (given, callback) => void ask(given, callback)
  }

  const front = await listenGrpc()
  servers.push(front)
  front.addService(definition, {
    runStep: passOn('runStep', (request) => {
      const { app } = JSON.parse(decodeSignedStep(request)!.message) as { app: string }
      return app
    }),
    queryPrepared: passOn('queryPrepared', (_request, metadata) =>
      new URLSearchParams(metadata.get('stepping-job').join()).get('app'),
    ),
    check: passOn('check', () => null),
  })

  return {
    add() {
      const tm = dtmGrpc({
        callbackAddress: `127.0.0.1:${front.port}`,
        secrets: [secret],
        ...options,
      } as DtmGrpcOptions)
      const bound = listenGrpc().then((server) => {
        servers.push(server)
        tm.addTo(server)
        const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure())
        clients.push(client)
        return client
      })
      return balancer.add(tm, bound)
    },
    close() {
      for (const client of clients) client.close()
      for (const server of servers) server.forceShutdown()
      return Promise.resolve()
    },
  }
}

async function call(
  client: Client,
  method: Method,
  request: Buffer,
  metadata: Metadata,
): Promise<ServiceError | null> {
  const { path, requestSerialize, responseDeserialize } = definition[method]
  return await new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      {},
      resolve,
    )
  })
}
