import { once } from 'node:events'
import { listen } from './app.ts'

/** What becomes of one message to DTM. */
export type Fate =
  | 'passed on'
  /** The connection breaks before DTM got it. */
  | 'lost'
  /** DTM gets it, and the connection breaks before its answer is passed on. */
  | 'unanswered'
  /** DTM gets it only once this resolves. */
  | { readonly after: () => Promise<unknown> }

export interface Message {
  /** `prepare`, `submit`, `query` and so on. */
  readonly call: string
  /** Over gRPC in base64. */
  readonly body: string
  readonly gid: string | undefined
}

/** What stands between an app and its DTM server: a bad network, and a witness. */
export class DtmProxy {
  /** A URL, or over gRPC host and port. */
  readonly address: string
  /** All messages that left the app, in order. */
  readonly messages: Message[] = []
  readonly #fates = new Map<string, Fate[]>()

  constructor(address: string) {
    this.address = address
  }

  bodies(call: string): string[] {
    return this.messages.filter((each) => each.call === call).map(({ body }) => body)
  }

  /** Decides the fate of each message of this kind from now on, one after another; the last one stays. */
  set(call: string, ...fates: readonly Fate[]): void {
    this.#fates.set(call, [...fates])
  }

  /** Lets a message through as its fate is; undefined when the connection is to break. */
  async pass<Answer>(message: Message, passOn: () => Promise<Answer>): Promise<Answer | undefined> {
    this.messages.push(message)
    const queue = this.#fates.get(message.call) ?? ['passed on']
    const fate = queue.length > 1 ? queue.shift()! : queue[0]!
    if (fate === 'lost') return undefined
    if (typeof fate === 'object') await fate.after()
    const answer = await passOn()
    return fate === 'unanswered' ? undefined : answer
  }
}

export async function dtmProxy(target: string): Promise<DtmProxy> {
  const { origin } = await listen((request, response) => {
    void pass().catch(() => response.destroy())
    async function pass(): Promise<void> {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      await once(request, 'end')
      const body = Buffer.concat(chunks).toString()
      const call = /dtmsvr\/(\w+)/.exec(request.url!)![1]!
      const { gid } = (body ? JSON.parse(body) : {}) as { gid?: string }
      const { method = 'GET' } = request
      const answer = await proxy.pass({ call, body, gid }, async () => {
        const given = await fetch(target + request.url, method === 'GET' ? {} : { method, body })
        return { status: given.status, text: await given.text() }
      })
      if (!answer) return void response.destroy()
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.text)
    }
  })
  const proxy = new DtmProxy(origin)
  return proxy
}
