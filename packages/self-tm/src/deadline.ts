import { endsWithin } from '@stepping/core'

/**
 * The store's answer, or an error when it takes longer: a connection whose other end vanished
 * says nothing for many minutes, and the loop that waits for it would stand still. Whatever the
 * request still does later is refused by its token, or is a lease that runs out.
 */
export async function answeredWithin<R>(ms: number, answer: Promise<R>): Promise<R> {
  if (await endsWithin(answer, ms)) return await answer
  answer.catch(() => {}) // nobody waits for it any more
  throw new Error(`no answer within ${Math.round(ms)} ms`)
}
