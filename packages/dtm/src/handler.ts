import { reply, replyHeaders, replyOf } from './answer.ts'
import type { Reply } from './answer.ts'
import { answerCheck } from './check-callback.ts'
import type { Called, Door } from './door.ts'
import { answerQuestion } from './question.ts'
import { readBody } from './read-body.ts'
import { Refusal, RefusalReport } from './refusal.ts'
import { answerStep } from './step-call.ts'

/** What DTM sends to the callback URL, however it came in. */
export interface CallbackRequest {
  readonly method: string
  readonly url: URL
  readonly announcedBytes: number
  /** Text where somebody in front has set an encoding. */
  readonly body: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>
}

export type Answering = (request: CallbackRequest) => Promise<Reply>

export type WebHandler = (request: Request) => Response | Promise<Response>

const behind = new WeakMap<WebHandler, Answering>()

/** What answers behind a handler of this package: for who has a request that is none of the web's. */
export function answeringBehind(handler: WebHandler): Answering | undefined {
  return behind.get(handler)
}

/** Answers what DTM asks: whether a transaction committed (a GET), and to run a step (a POST). */
export function callbackHandler(door: Door): (request: Request) => Promise<Response> {
  const answering = answeringAt(door)
  const handler = async (request: Request): Promise<Response> => {
    const { status, body } = await answering({
      method: request.method,
      url: new URL(request.url),
      announcedBytes: Number(request.headers.get('content-length') ?? 0),
      body: request.body ?? [],
    })
    return new Response(body, { status, headers: replyHeaders })
  }
  behind.set(handler, answering)
  return handler
}

function answeringAt(door: Door): Answering {
  const report = new RefusalReport()
  return async (request) => {
    try {
      return await answerTo(request, door)
    } catch (error) {
      if (!(error instanceof Refusal)) return replyOf('failed')
      report.tell(error, door.participant())
      return reply(error.status, error.message)
    }
  }
}

async function answerTo(request: CallbackRequest, door: Door): Promise<Reply> {
  const params = request.url.searchParams
  const asked = `${request.method} ${params.get('trans_type')} ${params.get('op')}`
  switch (asked) {
    case 'POST msg action':
      return replyOf(
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
      return replyOf(await answerQuestion(params, calledIn(params), door))
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
