import type { MethodDefinition } from '@grpc/grpc-js'

/** `stepping.dtm.Callback` in proto/callback.proto. */
export const paths = {
  runStep: '/stepping.dtm.Callback/RunStep',
  queryPrepared: '/stepping.dtm.Callback/QueryPrepared',
  check: '/stepping.dtm.Callback/Check',
} as const

export type RawMethod = MethodDefinition<Buffer, Buffer>

function asItIs(bytes: Buffer): Buffer {
  return bytes
}

/** Messages stay bytes: what is malformed in them is answered by us, and not by grpc-js with its reasons. */
export function rawMethod(path: string): RawMethod {
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
  runStep: rawMethod(paths.runStep),
  queryPrepared: rawMethod(paths.queryPrepared),
  check: rawMethod(paths.check),
}
