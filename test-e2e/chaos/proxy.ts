import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** A network between the apps and one server. */
export interface Proxy {
  readonly port: number
  /** Breaks what is connected, and whatever tries to connect, until `heal`. */
  cut(): void
  /** Nothing arrives on either side, and nobody is told, until `heal`. */
  silence(): void
  heal(): void
  close(): Promise<void>
}

export async function openProxy(targetPort: number): Promise<Proxy> {
  let state: 'healthy' | 'cut' | 'silent' = 'healthy'
  const sockets = new Set<Socket>()

  function join(from: Socket, to: Socket): void {
    sockets.add(from)
    if (state === 'silent') from.pause()
    from.on('data', (data) => {
      if (!to.write(data)) from.pause()
    })
    to.on('drain', () => {
      if (state !== 'silent') from.resume()
    })
    from.on('error', () => {}) // Its close follows, and is passed on.
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
  }

  const server = createServer((client) => {
    if (state === 'cut') return void client.destroy()
    const upstream = connect(targetPort, '127.0.0.1')
    join(client, upstream)
    join(upstream, client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  function destroyAll(): void {
    for (const socket of sockets) socket.destroy()
  }

  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      state = 'cut'
      destroyAll()
    },
    silence() {
      state = 'silent'
      for (const socket of sockets) socket.pause()
    },
    heal() {
      state = 'healthy'
      for (const socket of sockets) socket.resume()
    },
    async close() {
      destroyAll()
      server.close()
      await once(server, 'close')
    },
  }
}
