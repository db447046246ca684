/** As Drizzle has them, for lack of names of node-postgres itself. */
export interface PgTransactionOptions {
  readonly isolationLevel?:
    | 'read uncommitted'
    | 'read committed'
    | 'repeatable read'
    | 'serializable'
  readonly accessMode?: 'read only' | 'read write'
  readonly deferrable?: boolean
}

export function begin({
  isolationLevel,
  accessMode,
  deferrable,
}: PgTransactionOptions = {}): string {
  const level = isolationLevel && `isolation level ${isolationLevel}`
  const defers = deferrable === undefined ? undefined : deferrable ? 'deferrable' : 'not deferrable'
  return ['begin', level, accessMode, defers].filter((part) => part !== undefined).join(' ')
}
