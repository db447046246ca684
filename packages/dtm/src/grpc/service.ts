import type { MethodDefinition } from '@grpc/grpc-js'

/** `stepping.dtm.Callback` in proto/callback.proto. */
export const paths = {
  runStep: '/stepping.dtm.Callback/RunStep',
  queryPrepared: '/stepping.dtm.Callback/QueryPrepared',
  check: '/stepping.dtm.Callback/Check',
} as const

export type RawMethod = MethodDefinition<Buffer, Buffer>

/** Messages stay bytes: what is malformed in them is answered by us, and not by grpc-js with its reasons. */
function unary(path: string): RawMethod {
  const asItIs = (bytes: Buffer): Buffer => bytes
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  }
}

export const definition: Readonly<Record<keyof typeof paths, RawMethod>> = {
  runStep: unary(paths.runStep),
  queryPrepared: unary(paths.queryPrepared),
  check: unary(paths.check),
}
