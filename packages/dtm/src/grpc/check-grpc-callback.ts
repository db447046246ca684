import { Client, credentials } from '@grpc/grpc-js'
import { describeError } from '@stepping/core'
import { answerToCheck, newNonce, notThisApp } from '../check-callback.ts'
import { decodeFields, encodeFields } from '../protobuf.ts'
import type { Signer } from '../signature.ts'
import { definition } from './service.ts'

/**
 * Asks at the callback address.
 *
 * @throws SteppingError `CALLBACK_UNREACHABLE`
 */
export async function checkGrpcCallback(
  address: string,
  signer: Signer,
  timeoutMs: number,
): Promise<void> {
  const nonce = newNonce()
  const found = await answerAt(address, nonce, timeoutMs)
  if (found === answerToCheck(nonce, signer)) return
  throw notThisApp(
    `At the callback address ${address}`,
    found,
    'Check the address, that the gRPC server has addTo called with it, and that it listens.',
  )
}

async function answerAt(address: string, nonce: string, timeoutMs: number): Promise<string> {
  const client = new Client(address, credentials.createInsecure())
  const { path, requestSerialize, responseDeserialize } = definition.check
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        encodeFields([[1, nonce]]),
        { deadline: Date.now() + timeoutMs },
        (error, reply) => {
          const answer = reply && decodeFields(reply)?.get(1)
          resolve(error ? describeError(error) : (answer?.toString() ?? 'none'))
        },
      )
    })
  } finally {
    client.close()
  }
}
