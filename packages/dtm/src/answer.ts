/**
 * What DTM makes of an answer: 200 done, 425 ask again after the same time, 409 (of a question
 * only) rolled back, everything else ask again after twice the time. It also reads the body, and
 * takes the words FAILURE and ONGOING for 409 and 425: nothing that somebody else wrote may stand
 * there.
 */
const answers = {
  done: [200, 'done'],
  committed: [200, 'committed'],
  rolledBack: [409, 'rolled back'],
  later: [425, 'not yet'],
  failed: [500, 'failed'],
  unavailable: [503, 'not available'],
} as const

export type Answer = keyof typeof answers

export function respond(answer: Answer): Response {
  const [status, result] = answers[answer]
  return send(status, result)
}

export function send(status: number, result: string): Response {
  return Response.json({ result }, { status, headers: { 'cache-control': 'no-store' } })
}
