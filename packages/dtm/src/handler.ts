import { respond, send } from './answer.ts'
import type { Answer } from './answer.ts'
import type { Door } from './door.ts'
import { answerQuestion } from './question.ts'
import { Refusal, RefusalReport } from './refusal.ts'
import { answerStep } from './step-call.ts'

/** Answers what DTM asks: whether a transaction committed (a GET), and to run a step (a POST). */
export function callbackHandler(door: Door): (request: Request) => Promise<Response> {
  const report = new RefusalReport()
  return async (request) => {
    try {
      return respond(await answerTo(request, door))
    } catch (error) {
      if (!(error instanceof Refusal)) return respond('failed')
      report.tell(error, door.participant())
      return send(error.status, error.message)
    }
  }
}

async function answerTo(request: Request, door: Door): Promise<Answer> {
  const params = new URL(request.url).searchParams
  const asked = `${request.method} ${params.get('trans_type')} ${params.get('op')}`
  if (asked === 'POST msg action') return await answerStep(request, params, door)
  // DTM follows a redirect of a POST by a GET, which has the words of the POST in its URL.
  if (asked === 'GET msg msg') return await answerQuestion(params, door)
  throw new Refusal(405, 'neither a step nor a question of DTM')
}
