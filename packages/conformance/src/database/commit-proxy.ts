import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface CommitProxy {
  readonly port: number
  /** As `OpenDatabase.loseCommit`. */
  lose(part: 'request' | 'answer'): void
  close(): Promise<void>
}

/** Not in `synchronous_commit`, but in `COMMIT`, and in MongoDB's `commitTransaction`. */
const commit = /\bcommit(transaction)?\b/i

/** The name of one that is prepared on PostgreSQL: from then on its connection sends that alone. */
function preparedCommit(request: string): string | undefined {
  const at = request.indexOf('\0commit\0')
  return at === -1 ? undefined : /\w+$/.exec(request.slice(Math.max(0, at - 64), at))?.[0]
}

/**
 * Stands between a client and its server, without TLS, and cuts the connection that sends the next
 * COMMIT: before it gets to the server, or when the server's answer comes back.
 *
 * @example
 * const proxy = await commitProxy({ host: '127.0.0.1', port: 5432 })
 * const pool = new Pool({ host: '127.0.0.1', port: proxy.port })
 */
export async function commitProxy(server: { host: string; port: number }): Promise<CommitProxy> {
  const sockets = new Set<Socket>()
  let armed: 'request' | 'answer' | undefined

  const proxy = createServer((client) => {
    const upstream = connect(server)
    const cut = (): void => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('close', () => {
        sockets.delete(socket)
        cut()
      })
      socket.on('error', cut)
    }
    let losesAnswer = false
    let name: string | undefined
    client.on('data', (request: Buffer) => {
      const text = request.toString('latin1')
      name = preparedCommit(text) ?? name
      const commits = commit.test(text) || (name !== undefined && text.includes(name))
      if (armed !== undefined && commits) {
        losesAnswer = armed === 'answer'
        armed = undefined
        if (!losesAnswer) return cut()
      }
      upstream.write(request)
    })
    upstream.on('data', (answer: Buffer) => {
      if (losesAnswer) cut()
      else client.write(answer)
    })
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    port: (proxy.address() as AddressInfo).port,
    lose(part) {
      armed = part
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}
