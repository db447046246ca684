/** What is answered in words, and nothing else ever is. */
export const results = {
  done: 'done',
  committed: 'committed',
  rolledBack: 'rolled back',
  later: 'not yet',
  failed: 'failed',
  unavailable: 'not available',
} as const

export type Answer = keyof typeof results

/**
 * What DTM makes of an answer: 200 done, 425 ask again after the same time, 409 (of a question
 * only) rolled back, everything else ask again after twice the time. It also reads the body, and
 * takes the words FAILURE and ONGOING for 409 and 425: nothing that somebody else wrote may stand
 * there.
 */
const statuses: Readonly<Record<Answer, number>> = {
  done: 200,
  committed: 200,
  rolledBack: 409,
  later: 425,
  failed: 500,
  unavailable: 503,
}

/** What a callback is answered with: JSON. */
export interface Reply {
  readonly status: number
  readonly body: string
}

export const replyHeaders = { 'content-type': 'application/json', 'cache-control': 'no-store' }

export function replyOf(answer: Answer): Reply {
  return reply(statuses[answer], results[answer])
}

export function reply(status: number, result: string): Reply {
  return { status, body: JSON.stringify({ result }) }
}
