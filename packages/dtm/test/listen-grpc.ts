import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { ServerOptions } from '@grpc/grpc-js'

export interface ListeningServer extends Server {
  readonly port: number
}

/** A gRPC server on a free port, to which services are still to be added. */
export async function listenGrpc(options: ServerOptions = {}): Promise<ListeningServer> {
  const server = new Server(options)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  return Object.assign(server, { port })
}
