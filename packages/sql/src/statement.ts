/** What every driver can bind. Times travel as epoch milliseconds, JSON as text with a cast. */
export type SqlValue = string | number | boolean | null

/**
 * A parameterised statement in the shape of a tagged template's arguments, which is what the query
 * builders of the libraries take: `strings.length === values.length + 1`.
 */
export interface Statement {
  readonly strings: TemplateStringsArray
  readonly values: readonly SqlValue[]
}

/** `rows` as the driver made them; `affected` as the server counted. */
export interface SqlResult {
  readonly rows: readonly Record<string, unknown>[]
  readonly affected: number
}

export type Execute = (statement: Statement) => Promise<SqlResult>

/**
 * Runs a statement as the last one of its transaction, which commits only if it succeeds. It may be
 * sent together with the COMMIT, after this has resolved. Of an error of it `explain` makes what this,
 * or else the transaction, rejects with.
 */
export type ExecuteLast = (
  statement: Statement,
  explain: (error: unknown) => unknown,
) => Promise<void>

/** Builds a statement. A value becomes a parameter; another statement is spliced in as text. */
export function sql(
  strings: TemplateStringsArray,
  ...parts: readonly (SqlValue | Statement)[]
): Statement {
  const values: SqlValue[] = []
  for (const part of parts) {
    if (isStatement(part)) values.push(...part.values)
    else values.push(part)
  }
  return { strings: knownStrings(strings, parts) ?? spliced(strings, parts), values }
}

/** Text that goes into a statement as it is. Never anything from outside the code. */
export function rawSql(text: string): Statement {
  let strings = rawStrings.get(text)
  if (!strings) {
    strings = templateStrings([text])
    rawStrings.set(text, strings)
    known.add(strings)
  }
  return { strings, values: [] }
}

/** `$1`, `$2`, … as PostgreSQL has them. */
export const numbered: Placeholder = (position) => `$${position}`

export type Placeholder = (position: number) => string

/** The statement with `$1`, `$2`, … (or `?`) where its parameters go. */
export function toText({ strings }: Statement, placeholder: Placeholder): string {
  if (!known.has(strings)) return textOf(strings, placeholder)
  let texts = textsOf.get(placeholder)
  if (!texts) textsOf.set(placeholder, (texts = new WeakMap()))
  let text = texts.get(strings)
  if (text === undefined) texts.set(strings, (text = textOf(strings, placeholder)))
  return text
}

/**
 * A statement that is sent for each job is put together once: the same template around the same
 * statements has the same strings, by which its text is found again.
 */
interface Shape {
  strings?: TemplateStringsArray
  afterValue?: Shape
  readonly afterStatement: WeakMap<TemplateStringsArray, Shape>
}

const shapes = new WeakMap<TemplateStringsArray, Shape>()
const known = new WeakSet<TemplateStringsArray>()
const rawStrings = new Map<string, TemplateStringsArray>()
const textsOf = new WeakMap<Placeholder, WeakMap<TemplateStringsArray, string>>()

/** Undefined for what is put together anew each time, such as lists of any length. */
function knownStrings(
  strings: TemplateStringsArray,
  parts: readonly (SqlValue | Statement)[],
): TemplateStringsArray | undefined {
  // Only a template that stands in the code is the same one the next time.
  if (!Object.isFrozen(strings)) return undefined
  let shape = shapes.get(strings)
  if (!shape) shapes.set(strings, (shape = { afterStatement: new WeakMap() }))
  for (const part of parts) {
    let next: Shape | undefined
    if (isStatement(part)) {
      if (!known.has(part.strings)) return undefined
      next = shape.afterStatement.get(part.strings)
      if (!next) shape.afterStatement.set(part.strings, (next = { afterStatement: new WeakMap() }))
    } else {
      next = shape.afterValue ??= { afterStatement: new WeakMap() }
    }
    shape = next
  }
  if (!shape.strings) known.add((shape.strings = spliced(strings, parts)))
  return shape.strings
}

function spliced(
  strings: TemplateStringsArray,
  parts: readonly (SqlValue | Statement)[],
): TemplateStringsArray {
  const texts = [strings[0]!]
  parts.forEach((part, i) => {
    if (isStatement(part)) {
      texts[texts.length - 1] += part.strings[0]!
      texts.push(...part.strings.slice(1))
      texts[texts.length - 1] += strings[i + 1]!
    } else {
      texts.push(strings[i + 1]!)
    }
  })
  return templateStrings(texts)
}

function isStatement(part: SqlValue | Statement): part is Statement {
  return typeof part === 'object' && part !== null
}

function textOf(strings: TemplateStringsArray, placeholder: Placeholder): string {
  return strings.reduce((text, part, i) => text + placeholder(i) + part)
}

/** Some libraries check for the `raw` property that a real tagged template has. */
function templateStrings(texts: readonly string[]): TemplateStringsArray {
  return Object.assign([...texts], { raw: texts })
}
