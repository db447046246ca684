import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Client, credentials } from '@grpc/grpc-js'
import type { handleUnaryCall, ServiceError } from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import { onTestFinished } from 'vitest'
import { rawMethod } from '../src/grpc/service.ts'
import type { RawMethod } from '../src/grpc/service.ts'
import { DtmProxy } from './dtm-proxy.ts'
import { listenGrpc } from './listen-grpc.ts'

/** As DTM and the app declare them; read by a library, not by our own few lines. */
const types = protobuf.parse(
  `syntax = "proto3";
  message DtmTransOptions {
    bool WaitResult = 1;
    int64 TimeoutToFail = 2;
    int64 RetryInterval = 3;
    map<string, string> BranchHeaders = 5;
    int64 RequestTimeout = 6;
    int64 RetryLimit = 7;
  }
  message DtmRequest {
    string Gid = 1;
    string TransType = 2;
    DtmTransOptions TransOptions = 3;
    string CustomedData = 4;
    repeated bytes BinPayloads = 5;
    string QueryPrepared = 6;
    string Steps = 7;
    map<string, string> ReqExtra = 8;
    string RollbackReason = 9;
  }
  message StepCall {
    string message = 1;
    string mac = 2;
    string key = 3;
  }`,
  { keepCase: true },
).root

function decode(type: string, bytes: Uint8Array): Record<string, unknown> {
  const found = types.lookupType(type)
  return found.toObject(found.decode(bytes), { longs: Number })
}

/** A `DtmRequest` in base64, with the steps' messages in it. */
export function decodeRequest(body: string): Record<string, unknown> {
  const request = decode('DtmRequest', Buffer.from(body, 'base64'))
  const payloads = request['BinPayloads'] as Uint8Array[]
  return { ...request, BinPayloads: payloads.map((payload) => decode('StepCall', payload)) }
}

/** Between an app and the gRPC API of its DTM server. */
class DtmGrpcProxy extends DtmProxy {
  readonly sockets = new Set<Socket>()
  /** Not undefined: what connects waits for it. */
  #held: PromiseWithResolvers<void> | undefined

  async accept(socket: Socket, port: number): Promise<void> {
    this.sockets.add(socket)
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('error', () => {})
    await this.#held?.promise
    const inner = connect(port, '127.0.0.1').on('error', () => socket.destroy())
    socket.on('close', () => inner.destroy())
    inner.on('close', () => socket.destroy())
    socket.pipe(inner).pipe(socket)
  }

  breakConnections(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  /** Nothing comes through any more on the connections that are open; they do not end either. */
  deaden(): void {
    for (const socket of this.sockets) socket.unpipe()
  }

  /** Breaks the connections; new ones are taken, and nothing comes through before the release. */
  hold(): () => void {
    this.breakConnections()
    const held = Promise.withResolvers<void>()
    this.#held = held
    return () => {
      this.#held = undefined
      held.resolve()
    }
  }
}

export type { DtmGrpcProxy }

export async function dtmGrpcProxy(target: string): Promise<DtmGrpcProxy> {
  const dtm = new Client(target, credentials.createInsecure())
  const server = await listenGrpc()
  const front = createServer((socket) => void proxy.accept(socket, server.port))
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  const proxy = new DtmGrpcProxy(`127.0.0.1:${(front.address() as AddressInfo).port}`)
  onTestFinished(() => {
    proxy.breakConnections()
    front.close()
    server.forceShutdown()
    dtm.close()
  })

  const passOn: (method: RawMethod) => handleUnaryCall<Buffer, Buffer> =
    ({ path, requestSerialize, responseDeserialize }) =>
    async ({ request }, callback) => {
      const message = {
        call: path.split('/').at(-1)!.toLowerCase(),
        body: request.toString('base64'),
        gid: decode('DtmRequest', request)['Gid'] as string,
      }
      const send = async (): Promise<{ error: ServiceError | null; reply?: Buffer }> =>
        await new Promise((resolve) => {
          dtm.makeUnaryRequest(
            path,
            requestSerialize,
            responseDeserialize,
            request,
            (error, reply) => resolve({ error, ...(reply && { reply }) }),
          )
        })
      const answer = await proxy.pass(message, send)
      if (answer) callback(answer.error, answer.reply)
      else proxy.breakConnections()
    }
  const methods = ['NewGid', 'Prepare', 'Submit', 'Abort'].map((name) =>
    rawMethod(`/dtmgimp.Dtm/${name}`),
  )
  server.addService(
    Object.fromEntries(methods.map((method) => [method.path, method])),
    Object.fromEntries(methods.map((method) => [method.path, passOn(method)])),
  )
  return proxy
}
