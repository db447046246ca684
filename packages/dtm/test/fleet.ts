import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Participant } from '@stepping/core'
import { dtm, toNodeListener } from '../src/index.ts'
import type { Dtm, DtmOptions } from '../src/index.ts'
import type { DtmGrpc } from '../src/grpc/index.ts'
import { secret } from './secret.ts'

/** Processes of several apps behind one address, as behind a load balancer. */
export interface Fleet {
  /** One process more. */
  add(): Dtm | DtmGrpc
  close(): Promise<void>
}

/** One process, and how it is reached. */
interface Member<Door> {
  readonly door: Door
  app: string | undefined
}

/** Takes the processes of an app in turn, and passes on to the next what one is not ready for. */
export class Balancer<Door> {
  readonly #members: Member<Door>[] = []
  #turn = 0

  /** Knows the app once the transaction manager is started. */
  add<Tm extends Dtm | DtmGrpc>(tm: Tm, door: Door): Tm {
    const member: Member<Door> = { door, app: undefined }
    this.#members.push(member)
    const start: Tm['start'] = tm.start.bind(tm)
    return Object.assign(tm, {
      async start(participant: Participant, how: { execute: boolean }) {
        member.app = participant.app
        await start(participant, how)
      },
    })
  }

  /** Undefined when nobody is there, or ready. */
  async call<Answer>(
    app: string | null,
    ask: (door: Door) => Promise<Answer>,
    isReady: (answer: Answer) => boolean,
  ): Promise<Answer | undefined> {
    const mine = this.#members.filter((member) => member.app === app)
    this.#turn++
    for (let n = 0; n < mine.length; n++) {
      const answer = await ask(mine[(this.#turn + n) % mine.length]!.door)
      if (isReady(answer)) return answer
    }
    return undefined
  }
}

export async function openFleet(options: Partial<DtmOptions> & { server: string }): Promise<Fleet> {
  const balancer = new Balancer<Dtm>()
  const balance = async (request: Request): Promise<Response> => {
    const { url, method, headers } = request
    const body = method === 'POST' ? await request.text() : undefined
    const app =
      body === undefined
        ? new URL(url).searchParams.get('app')
        : (JSON.parse(body) as { app: string }).app
    const response = await balancer.call(
      app,
      (tm) =>
        tm.handler(new Request(url, { method, headers, ...(body !== undefined && { body }) })),
      ({ status }) => status !== 503,
    )
    return response ?? new Response('nobody is there', { status: 503 })
  }
  const server = createServer(toNodeListener(balance)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const callbackUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/stepping`
  return {
    add() {
      const tm = dtm({ callbackUrl, secrets: [secret], ...options } as DtmOptions)
      return balancer.add(tm, tm)
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
