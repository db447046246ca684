import { createHash } from 'node:crypto'

const names = new Map<string, string>()

/**
 * By which a connection knows a statement again that it has prepared. Made from the text, because
 * node-postgres takes a name for one text only, on each connection, whoever gave it.
 */
export function statementName(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  const name = `stepping_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
  names.set(text, name)
  return name
}
