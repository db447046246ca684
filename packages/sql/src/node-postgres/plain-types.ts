/** Of the types that this library's statements select, those that are not text, by their oid. */
const fromText: Readonly<Record<number, (text: string) => unknown>> = {
  16: (text) => text === 't', // boolean
  21: Number, // int2
  23: Number, // int4
  701: Number, // float8
}

const fromBytes: Readonly<Record<number, (bytes: DataView) => unknown>> = {
  16: (bytes) => bytes.getUint8(0) === 1,
  20: (bytes) => String(bytes.getBigInt64(0)),
  21: (bytes) => bytes.getInt16(0),
  23: (bytes) => bytes.getInt32(0),
  701: (bytes) => bytes.getFloat64(0),
}

const decoder = new TextDecoder()

/** For this library's own statements: users and libraries change how node-postgres reads results. */
export const plainTypes: {
  getTypeParser(oid: number, format?: string): (value: never) => unknown
} = {
  getTypeParser(oid, format) {
    if (format !== 'binary') return fromText[oid] ?? String
    return ({ buffer, byteOffset, byteLength }: Uint8Array) => {
      const bytes = new DataView(buffer, byteOffset, byteLength)
      return fromBytes[oid]?.(bytes) ?? decoder.decode(bytes)
    }
  },
}
