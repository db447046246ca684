const most = 200

/** Any value in a few words, for messages: never `[object Object]`, and it never throws. */
export function printValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, most))
  if (typeof value === 'function') return 'a function'
  return typeof value === 'object' && value !== null ? printObject(value) : String(value)
}

function printObject(value: object): string {
  try {
    const json = JSON.stringify(value) as string | undefined
    // Of an object that keeps its data to itself the class says more.
    if (json !== undefined && json !== '{}') return json.slice(0, most)
  } catch {
    // A circle, a bigint or a getter that throws.
  }
  try {
    const name = (Object.getPrototypeOf(value) as object | null)?.constructor?.name
    return name === undefined || name === 'Object' ? 'an object' : `an object of the class ${name}`
  } catch {
    return 'an object'
  }
}
