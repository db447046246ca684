import { SteppingError } from './errors.ts'

/**
 * `value` as JSON, or a `SteppingError` that names the path of what JSON would lose or change.
 *
 * Properties whose value is undefined are left out, as JSON does and as optional properties mean
 * it; undefined anywhere else is refused.
 */
export function encodeJson(value: unknown, owner: string): string {
  const lost = findLoss(value, '$', new Set())
  if (lost !== undefined) {
    throw new SteppingError(
      'ARGS_NOT_JSON',
      `${owner} cannot be stored: ${lost.path} is ${lost.what}. ${lost.advice}`,
    )
  }
  return JSON.stringify(value)
}

interface Loss {
  path: string
  what: string
  advice: string
}

function findLoss(value: unknown, path: string, above: Set<object>): Loss | undefined {
  switch (typeof value) {
    case 'string':
      if (value.isWellFormed()) return undefined
      return loss(path, 'a string with half a surrogate pair', 'Repair it with toWellFormed().')
    case 'boolean':
      return undefined
    case 'number':
      if (Number.isFinite(value)) return undefined
      return loss(path, String(value), 'JSON has only finite numbers: pass null or a string.')
    case 'bigint':
      return loss(path, 'a bigint', 'Pass it as a string.')
    case 'undefined':
      return loss(path, 'undefined', 'Pass null, or leave the property out.')
    case 'function':
      return loss(path, 'a function', 'Pass data; what to do belongs in the step.')
    case 'symbol':
      return loss(path, 'a symbol', 'Pass a string.')
    case 'object':
      return value === null ? undefined : findLossInObject(value, path, above)
  }
}

function findLossInObject(value: object, path: string, above: Set<object>): Loss | undefined {
  if (above.has(value)) {
    return loss(path, 'a reference back to an object that contains it', 'Pass an id instead.')
  }
  if (value instanceof Date) return loss(path, 'a Date', 'Pass value.toISOString().')
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== null && !isObjectPrototype(prototype)) {
    const name = (prototype as { constructor?: { name?: string } }).constructor?.name ?? 'class'
    return loss(path, `an instance of ${name}`, 'Pass a plain object or array with its data.')
  }
  if (Object.getOwnPropertySymbols(value).length > 0) {
    return loss(path, 'an object with symbol keys', 'Use string keys.')
  }
  above.add(value)
  for (const [key, part, place] of partsOf(value, path)) {
    if (part === undefined && key !== undefined) continue
    const found = findLoss(part, place, above)
    if (found) return found
  }
  above.delete(value)
  return undefined
}

function* partsOf(value: object, path: string): Generator<[string | undefined, unknown, string]> {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) yield [undefined, value[i], `${path}[${i}]`]
    return
  }
  for (const [key, part] of Object.entries(value)) yield [key, part, `${path}.${key}`]
}

/** Also true for the Object.prototype of another realm (a vm context, an iframe). */
function isObjectPrototype(prototype: unknown): boolean {
  return prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

function loss(path: string, what: string, advice: string): Loss {
  return { path, what, advice }
}
