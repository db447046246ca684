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
  readonly body: string
}

/** What stands between an app and its DTM server: a bad network, and a witness. */
export interface DtmProxy {
  readonly url: string
  /** All messages that left the app, in order. */
  readonly messages: Message[]
  bodies(call: string): string[]
  /** Decides the fate of each message of this kind from now on, one after another; the last one stays. */
  set(call: string, ...fates: readonly Fate[]): void
}

export async function dtmProxy(target: string): Promise<DtmProxy> {
  const messages: Message[] = []
  const fates = new Map<string, Fate[]>()
  const { origin } = await listen((request, response) => {
    void pass().catch(() => response.destroy())
    async function pass(): Promise<void> {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      await once(request, 'end')
      const body = Buffer.concat(chunks).toString()
      const call = /dtmsvr\/(\w+)/.exec(request.url!)![1]!
      messages.push({ call, body })
      const queue = fates.get(call) ?? ['passed on']
      const fate = queue.length > 1 ? queue.shift()! : queue[0]!
      if (fate === 'lost') return void response.destroy()
      if (typeof fate === 'object') await fate.after()
      const { method = 'GET' } = request
      const answer = await fetch(target + request.url, method === 'GET' ? {} : { method, body })
      const text = await answer.text()
      if (fate === 'unanswered') return void response.destroy()
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text)
    }
  })
  return {
    url: origin,
    messages,
    bodies: (call) => messages.filter((each) => each.call === call).map(({ body }) => body),
    set: (call, ...queue) => void fates.set(call, [...queue]),
  }
}
