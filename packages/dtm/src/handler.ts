import { respond, send } from './answer.ts'
import { answerCheck } from './check-callback.ts'
import type { Called, Door } from './door.ts'
import { answerQuestion } from './question.ts'
import { readBody } from './read-body.ts'
import { Refusal, RefusalReport } from './refusal.ts'
import { answerStep } from './step-call.ts'

/** Answers what DTM asks: whether a transaction committed (a GET), and to run a step (a POST). */
export function callbackHandler(door: Door): (request: Request) => Promise<Response> {
  const report = new RefusalReport()
  return async (request) => {
    try {
      return await answerTo(request, door)
    } catch (error) {
      if (!(error instanceof Refusal)) return respond('failed')
      report.tell(error, door.participant())
      return send(error.status, error.message)
    }
  }
}

async function answerTo(request: Request, door: Door): Promise<Response> {
  const params = new URL(request.url).searchParams
  const asked = `${request.method} ${params.get('trans_type')} ${params.get('op')}`
  switch (asked) {
    case 'POST msg action':
      return respond(
        await answerStep(
          {
            key: params.get('key'),
            mac: params.get('mac'),
            called: calledIn(params),
            read: () => readBody(request, door.maxBodyBytes),
          },
          door,
        ),
      )
    // DTM follows a redirect of a POST by a GET, which has the words of the POST in its URL.
    case 'GET msg msg':
      return respond(await answerQuestion(params, calledIn(params), door))
    // Never asked by DTM, to which any 200 is a step that is done.
    case 'GET null null':
      return answerCheck(params, door.signer)
    default:
      throw new Refusal(405, 'neither a step nor a question of DTM')
  }
}

/** DTM adds these to our URL, behind what stands there. */
function calledIn(params: URLSearchParams): Called {
  return { gid: params.getAll('gid').at(-1), branch: params.get('branch_id') ?? undefined }
}
