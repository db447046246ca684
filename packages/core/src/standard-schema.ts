/** The part of Standard Schema v1 (standardschema.dev) that is used here: zod, valibot, arktype and others implement it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** A schema that accepts everything and only carries the type, for args that need no check at run time. */
export function unchecked<T>(): StandardSchema<T, T> {
  return {
    '~standard': { version: 1, vendor: 'stepping', validate: (value) => ({ value: value as T }) },
  }
}

/** Whether the schema checks asynchronously: by any promise, also one that is not of this realm or of a library. */
export function isPending<Output>(
  result: SchemaResult<Output> | PromiseLike<SchemaResult<Output>>,
): result is PromiseLike<SchemaResult<Output>> {
  return 'then' in result
}

/** The issues of a failed check in one line: `sku: expected string; lines[0].count: too small`. */
export function describeIssues(issues: readonly SchemaIssue[]): string {
  return issues
    .slice(0, 5)
    .map((issue) => {
      const path = (issue.path ?? [])
        .map((part) => (typeof part === 'object' ? part.key : part))
        .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
        .join('')
        .replace(/^\./, '')
      return path === '' ? issue.message : `${path}: ${issue.message}`
    })
    .join('; ')
}
