const names = new Map<string, string>()

/**
 * By which a connection knows a statement again that it has prepared. Made from the text, because
 * node-postgres takes a name for one text only, on each connection, whoever gave it: a second copy of
 * this package gives the same names.
 */
export function statementName(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  const name = `stepping_${fnv1a(text).toString(16).padStart(16, '0')}`
  names.set(text, name)
  return name
}

/** The FNV-1a hash of 64 bits (RFC 9923) over the text's code units. */
function fnv1a(text: string): bigint {
  let hash = 0xcbf29ce484222325n
  for (let i = 0; i < text.length; i++) {
    hash ^= BigInt(text.charCodeAt(i))
    hash = BigInt.asUintN(64, hash * 0x100000001b3n)
  }
  return hash
}
