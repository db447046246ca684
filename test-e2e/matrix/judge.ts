import type { Row } from './library.ts'
import type { Trace } from './trace.ts'

/** What is there in the end: the app's own rows, and what its processes did. */
export interface Evidence {
  readonly orders: readonly Row[]
  readonly ledger: readonly Row[]
  readonly traces: readonly Trace[]
}

export interface Verdict {
  readonly committed: number
  readonly notCommitted: number
  /** In words, one for each thing that must not be. */
  readonly faults: readonly string[]
}

const inOrder = ['First', 'Second', 'Third']
const withoutTransaction = 'no transaction'

/** Compares the app's tables with what was seen of its steps. Asks nothing of the library. */
export function judge({ orders, ledger, traces }: Evidence): Verdict {
  const faults: string[] = []
  const placed = new Map<string, string>()
  const told = new Set<string>()
  const attempts = new Map<string, Trace[]>()
  for (const trace of traces) {
    if (trace.what === 'placed') placed.set(trace.gid, trace.label)
    if (trace.what === 'committed') told.add(trace.gid)
    if (trace.step) attempts.set(trace.gid, [...(attempts.get(trace.gid) ?? []), trace])
  }
  const effects = Map.groupBy(ledger, ({ gid }) => gid)
  const committed = new Set(orders.map(({ gid }) => gid))

  for (const [gid, label] of placed) {
    if (label === withoutTransaction) {
      // Its process may have died before or after its submit: then either is right.
      if (told.has(gid) || attempts.has(gid)) committed.add(gid)
    } else if (told.has(gid) && !committed.has(gid)) {
      faults.push(`${label} ${gid}: it was committed, and its order is gone`)
    }
  }
  for (const { gid, what } of orders) {
    if (what.startsWith('roll back')) faults.push(`${what} ${gid}: its order is there`)
  }
  for (const gid of committed) {
    const label = placed.get(gid) ?? 'an order that nobody placed'
    const done = (effects.get(gid) ?? []).map(({ what }) => what).toSorted()
    if (done.join() !== inOrder.join()) {
      faults.push(`${label} ${gid}: its effects are [${done.join(', ')}]`)
    }
    faults.push(...disorder(attempts.get(gid) ?? []).map((text) => `${label} ${gid}: ${text}`))
  }
  for (const gid of new Set([...attempts.keys(), ...effects.keys()])) {
    if (!committed.has(gid)) faults.push(`${placed.get(gid)} ${gid}: a step ran, uncommitted`)
  }
  return { committed: committed.size, notCommitted: placed.size - committed.size, faults }
}

/** A step may begin again, and an attempt that lost its lease may end late; the next never begins before a first end. */
function disorder(attempts: readonly Trace[]): string[] {
  const first = (step: string, what: Trace['what']): number =>
    attempts.findIndex((trace) => trace.step === step && trace.what === what)
  return inOrder.flatMap((step, n) => {
    const ended = first(step, 'end')
    if (ended === -1) return [`${step} never ended`]
    const next = inOrder[n + 1]
    if (next && first(next, 'begin') < ended) return [`${next} began before ${step} ended`]
    return []
  })
}
