/** Around the COMMIT of the transaction that placed an order. */
export const crashPoints = [
  'before the commit',
  'with the commit on its way',
  'after the commit',
] as const

export type CrashPoint = (typeof crashPoints)[number]

type Query = (...args: unknown[]) => unknown

/** Has the process die at the point, by SIGKILL: nothing that it still has in its hands gets out. */
export function dieAtCommit(connection: { query: unknown }, point: CrashPoint): void {
  const query = connection.query as Query
  let hasOrder = false
  connection.query = function dying(this: unknown, ...args: unknown[]): unknown {
    const text = textOf(args[0])
    if (/into .?orders/i.test(text)) hasOrder = true
    if (!hasOrder || !(/^\s*commit/i.test(text) || isWithCommit(args[0])))
      return query.apply(this, args)
    if (point === 'before the commit') die()
    // The kernel has it then; whether the server gets to it is a race.
    if (point === 'with the commit on its way') setImmediate(die)
    else if (typeof args.at(-1) === 'function') args[args.length - 1] = die
    else if (isWithCommit(args[0])) args[0].callback = die
    const answer = query.apply(this, args)
    if (point === 'after the commit' && answer instanceof Promise) void answer.then(die)
    return answer instanceof Promise ? new Promise(() => {}) : answer
  }
}

/** The insert of a job that its COMMIT is sent with: how such a query ends was replaced by the adapter. */
function isWithCommit(query: unknown): query is { callback: () => void } {
  return typeof query === 'object' && query !== null && Object.hasOwn(query, '_getRows')
}

function textOf(statement: unknown): string {
  if (typeof statement === 'string') return statement
  const { text, sql } = statement as { text?: string; sql?: string }
  return text ?? sql ?? ''
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}
