import { setTimeout as delay } from 'node:timers/promises'
import { tick } from './terminal.ts'

/** Something that has to happen did not, or something that must not happen did. */
export class NotObserved extends Error {}

/** Ctrl-C, or being told to end. */
export const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => interrupted.abort())
}

/** Generous, for machines that are busy: what is waited for takes at most about 3 seconds. */
const patienceMs = 60_000

/** Ticks off what was seen. */
export function observe(what: string, seen: boolean, instead: unknown): void {
  if (!seen) throw new NotObserved(`${what} (seen: ${JSON.stringify(instead)})`)
  tick(what)
}

/** Waits for a promise, but not for ever. */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, interrupted.signal])
  const tooLate = delay(patienceMs, undefined, { signal }).then(() => {
    throw new NotObserved(`${what} (waited ${patienceMs / 1_000} s)`)
  })
  try {
    return await Promise.race([promise, tooLate])
  } finally {
    over.abort()
    tooLate.catch(() => {}) // called off
  }
}

/** Asks again and again until the answer is one that `matches`. */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  matches: (answer: T) => boolean,
): Promise<T> {
  const end = performance.now() + patienceMs
  for (;;) {
    const answer = await within(what, ask())
    if (matches(answer)) return answer
    if (performance.now() > end) {
      throw new NotObserved(`${what} (still: ${JSON.stringify(answer)})`)
    }
    await delay(25, undefined, { signal: interrupted.signal })
  }
}
