const most = 200

/** Any value in a few words, for messages: never `[object Object]`, and it never throws. */
export function printValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, most))
  if (typeof value === 'function') return 'a function'
  return typeof value === 'object' && value !== null ? printObject(value) : String(value)
}

/** What kind of thing a value is: `a Pool`, `a function`, `undefined`. */
export function printKind(value: unknown): string {
  if (typeof value !== 'object' || value === null) return printValue(value)
  const name = classOf(value)
  if (name === undefined) return 'an object'
  return `${/^[AEIOU]/i.test(name) ? 'an' : 'a'} ${name}`
}

function printObject(value: object): string {
  const name = classOf(value)
  // A pool holds its password: of what belongs to a class only that is told, unless it has a text for it.
  if (name !== undefined && name !== 'Array' && !hasText(value)) {
    return `an object of the class ${name}`
  }
  try {
    const json = JSON.stringify(value) as string | undefined
    if (json !== undefined && json !== '{}') return json.slice(0, most)
  } catch {
    // A circle, a bigint or a getter that throws.
  }
  return 'an object'
}

function hasText(value: object): boolean {
  try {
    return typeof (value as { toJSON?: unknown }).toJSON === 'function'
  } catch {
    return false
  }
}

/** Undefined for a plain object. The Pool of node-postgres is of a class BoundPool. */
function classOf(value: object): string | undefined {
  try {
    const name = (Object.getPrototypeOf(value) as object | null)?.constructor?.name
    return name === 'Object' || !name ? undefined : name.replace(/^Bound(?=.)/, '')
  } catch {
    return undefined
  }
}
