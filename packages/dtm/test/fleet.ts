import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Participant } from '@stepping/core'
import { dtm, toNodeListener } from '../src/index.ts'
import type { Dtm, DtmOptions } from '../src/index.ts'
import { secret } from './secret.ts'

/** Processes of several apps behind one address, as behind a load balancer. */
export interface Fleet {
  /** One process more. */
  add(): Dtm
  close(): Promise<void>
}

interface Member {
  readonly tm: Dtm
  app: string | undefined
}

export async function openFleet(options: Partial<DtmOptions> & { server: string }): Promise<Fleet> {
  const members: Member[] = []
  let turn = 0
  /** Takes the processes of the app that is meant in turn, and passes on to the next what one is not ready for. */
  const balance = async (request: Request): Promise<Response> => {
    const body = request.method === 'POST' ? await request.text() : undefined
    const app =
      body === undefined
        ? new URL(request.url).searchParams.get('app')
        : (JSON.parse(body) as { app: string }).app
    const mine = members.filter((member) => member.app === app)
    turn++
    for (let n = 0; n < mine.length; n++) {
      const { tm } = mine[(turn + n) % mine.length]!
      const { url, method, headers } = request
      const response = await tm.handler(
        new Request(url, { method, headers, ...(body !== undefined && { body }) }),
      )
      if (response.status !== 503) return response
    }
    return new Response('nobody is there', { status: 503 })
  }
  const server = createServer(toNodeListener(balance)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const callbackUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/stepping`
  return {
    add() {
      const tm = dtm({ callbackUrl, secrets: [secret], ...options } as DtmOptions)
      const member: Member = { tm, app: undefined }
      members.push(member)
      const start: Dtm['start'] = tm.start.bind(tm)
      return Object.assign(tm, {
        async start(participant: Participant, how: { execute: boolean }) {
          member.app = participant.app
          await start(participant, how)
        },
      })
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
