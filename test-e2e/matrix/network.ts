import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** The network between the apps and one server, by a TCP proxy before each of its ports. */
export interface Network {
  /** Where apps find the server's port. */
  portTo(port: number): number
  /** Breaks what is connected, and whatever tries to connect, until `heal`. */
  cut(): void
  /** Nothing arrives on either side, and nobody is told, until `heal`. */
  silence(): void
  /** What is asked arrives, and no answer does, until `heal`. Resolves when so many connections wait for theirs. */
  withholdAnswers(connections: number): Promise<void>
  heal(): void
  close(): Promise<void>
}

export async function openNetwork(ports: readonly number[]): Promise<Network> {
  let state: 'healthy' | 'cut' | 'silent' | 'withholding' = 'healthy'
  const sockets = new Set<Socket>()
  /** Answers, by the client that waits for them. */
  const withheld = new Map<Socket, Buffer[]>()
  let enough: { connections: number; resolve: () => void } | undefined

  function join(from: Socket, to: Socket, isAnswering: boolean): void {
    sockets.add(from)
    if (state === 'silent') from.pause()
    from.on('data', (data) => {
      if (isAnswering && state === 'withholding') withhold(to, data)
      else if (!to.write(data)) from.pause()
    })
    to.on('drain', () => {
      if (state !== 'silent') from.resume()
    })
    from.on('error', () => {}) // Its close follows, and is passed on.
    from.on('close', () => {
      sockets.delete(from)
      withheld.delete(from)
      to.destroy()
    })
  }

  function withhold(client: Socket, answer: Buffer): void {
    withheld.set(client, [...(withheld.get(client) ?? []), answer])
    if (enough && withheld.size >= enough.connections) enough.resolve()
  }

  async function proxy(target: number): Promise<[number, Server]> {
    const server = createServer((client) => {
      if (state === 'cut') return void client.destroy()
      const upstream = connect(target, '127.0.0.1')
      join(client, upstream, false)
      join(upstream, client, true)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return [target, server]
  }

  function destroyAll(): void {
    withheld.clear()
    for (const socket of sockets) socket.destroy()
  }

  const servers = new Map(await Promise.all(ports.map(proxy)))
  return {
    portTo: (port) => (servers.get(port)!.address() as AddressInfo).port,
    cut() {
      state = 'cut'
      destroyAll()
    },
    silence() {
      state = 'silent'
      for (const socket of sockets) socket.pause()
    },
    async withholdAnswers(connections) {
      state = 'withholding'
      await new Promise<void>((resolve) => (enough = { connections, resolve }))
      enough = undefined
    },
    heal() {
      state = 'healthy'
      for (const [client, answers] of withheld) for (const answer of answers) client.write(answer)
      withheld.clear()
      for (const socket of sockets) socket.resume()
    },
    async close() {
      destroyAll()
      for (const server of servers.values()) {
        server.close()
        await once(server, 'close')
      }
    },
  }
}
