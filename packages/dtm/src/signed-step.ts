import { decodeFields, encodeFields } from './protobuf.ts'

/** The body with which DTM calls a step over gRPC: `StepCall` in proto/callback.proto. */
export interface SignedStep {
  /** See `StepMessage`. */
  readonly message: string
  readonly mac: string | null
  /** Of another program's; null: the app's own. */
  readonly key: string | null
}

export function encodeSignedStep(message: string, mac: string | undefined): Buffer {
  return encodeFields([[1, message], ...(mac === undefined ? [] : [[2, mac] as const])])
}

/** Undefined for what is no such message. */
export function decodeSignedStep(bytes: Uint8Array): SignedStep | undefined {
  const fields = decodeFields(bytes)
  const message = fields?.get(1)
  if (!fields || !message) return undefined
  return {
    message: message.toString(),
    mac: fields.get(2)?.toString() ?? null,
    // In Protocol Buffers an empty text is none.
    key: fields.get(3)?.toString() || null,
  }
}
