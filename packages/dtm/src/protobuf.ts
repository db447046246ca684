/**
 * As much of Protocol Buffers' wire format as the messages of DTM and our own need. Written out,
 * because a library would have to be installed by those, too, who never use gRPC.
 */

/** A text, bytes or a message that was encoded before; or a number that is whole and not negative. */
export type FieldValue = string | Uint8Array | number

export function encodeFields(
  fields: readonly (readonly [number: number, value: FieldValue])[],
): Buffer {
  const parts: Uint8Array[] = []
  for (const [number, value] of fields) {
    if (typeof value === 'number') {
      parts.push(varint(number * 8 + wireTypes.varint), varint(value))
      continue
    }
    const bytes = typeof value === 'string' ? Buffer.from(value) : value
    parts.push(varint(number * 8 + wireTypes.bytes), varint(bytes.byteLength), bytes)
  }
  return Buffer.concat(parts)
}

/** The texts, bytes and messages in it by their numbers, the last one of each; undefined for what is no message. */
export function decodeFields(message: Uint8Array): ReadonlyMap<number, Buffer> | undefined {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  const fields = new Map<number, Buffer>()
  let at = 0
  while (at < bytes.length) {
    const tag = readVarint(bytes, at)
    if (!tag) return undefined
    at = tag.end
    const number = Math.floor(tag.value / 8)
    switch (tag.value % 8) {
      case wireTypes.varint: {
        const skipped = readVarint(bytes, at)
        if (!skipped) return undefined
        at = skipped.end
        break
      }
      case wireTypes.bytes: {
        const length = readVarint(bytes, at)
        if (!length || length.end + length.value > bytes.length) return undefined
        at = length.end + length.value
        fields.set(number, bytes.subarray(length.end, at))
        break
      }
      case wireTypes.eightBytes:
        at += 8
        break
      case wireTypes.fourBytes:
        at += 4
        break
      default:
        return undefined
    }
  }
  return at === bytes.length ? fields : undefined
}

const wireTypes = { varint: 0, eightBytes: 1, bytes: 2, fourBytes: 5 } as const

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Uint8Array.from([...bytes, rest])
}

/** At most ten bytes long; what does not fit a number is read all the same, as something near it. */
function readVarint(bytes: Buffer, from: number): { value: number; end: number } | undefined {
  let value = 0
  for (let at = from; at < from + 10 && at < bytes.length; at++) {
    const byte = bytes[at]!
    value += (byte % 128) * 128 ** (at - from)
    if (byte < 128) return { value, end: at + 1 }
  }
  return undefined
}
