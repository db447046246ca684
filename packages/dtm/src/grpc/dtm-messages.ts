import { SteppingError } from '@stepping/core'
import type { DtmMessage, StoredOptions } from '../message.ts'
import { encodeFields } from '../protobuf.ts'
import type { FieldValue } from '../protobuf.ts'

type Fields = (readonly [number, FieldValue])[]

/**
 * `dtmgimp.DtmRequest` of a whole message, for Prepare and Submit.
 *
 * @throws SteppingError `OPTIONS_INVALID`
 */
export function encodeRequest({ gid, question, steps, options, delay }: DtmMessage): Buffer {
  return encodeFields([
    [1, gid],
    [2, 'msg'],
    [3, encodeOptions(options)],
    ...(delay === undefined ? [] : [[4, delay] as const]),
    ...steps.map(({ payload }) => [5, payload] as const),
    [6, question.url],
    [7, JSON.stringify(steps.map(({ action }) => ({ action })))],
  ])
}

/** `dtmgimp.DtmRequest` that only names a transaction, for Abort. */
export function encodeName(gid: string): Buffer {
  return encodeFields([
    [1, gid],
    [2, 'msg'],
  ])
}

/** `dtmgimp.DtmTransOptions` */
function encodeOptions(options: StoredOptions): Buffer {
  const fields: Fields = [[2, options.timeout_to_fail]]
  if (options.wait_result) fields.push([1, 1])
  if (options.retry_interval !== undefined) fields.push([3, options.retry_interval])
  for (const [name, value] of Object.entries(options.branch_headers ?? {})) {
    assertMetadata(name, value)
    fields.push([
      5,
      encodeFields([
        [1, name],
        [2, value],
      ]),
    ])
  }
  fields.push([6, options.request_timeout])
  return encodeFields(fields)
}

/** What gRPC does not send DTM could not send with any call of the job, for ever. */
function assertMetadata(name: string, value: string): void {
  if (/^(?!.*-bin$)[\w.-]+$/i.test(name) && /^[ -~]*$/.test(value)) return
  throw new SteppingError(
    'OPTIONS_INVALID',
    `dtmGrpc: branchHeaders has ${name}, which gRPC does not send: names consist of letters, digits and _ . - and do not end in -bin, values are printable ASCII.`,
  )
}
