import {
  freshDatabase,
  freshMongoDatabase,
  freshMysqlDatabase,
  startDtm,
  startMariadb,
  startMongo,
  startPostgres,
} from '@stepping/test-support'
import type { Product } from './library.ts'
import { serverNames } from './outages.ts'
import type { ServerName } from './outages.ts'
import { freshPlace } from './places.ts'
import type { Place } from './places.ts'
import type { Surroundings } from './stage.ts'
import { openNetwork } from './network.ts'
import type { Network } from './network.ts'

/** A server that may be killed, and the network before it. */
export interface Server {
  readonly url: string
  /** Of a DTM server: host and port of its gRPC API. */
  readonly grpc?: string
  readonly network: Network
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

export type Servers = ReadonlyMap<ServerName, Server>

/**
 * A server that is killed forgets nothing of what it acknowledged: that is with the operating system, which goes on.
 * Waiting for the disk as well would take most of the time.
 */
const begin: Readonly<Record<ServerName, () => Promise<Omit<Server, 'network'>>>> = {
  postgres: () => startPostgres(),
  mysql: () =>
    startMariadb({
      settings: { 'innodb-flush-log-at-trx-commit': '2', 'innodb-doublewrite': '1' },
    }),
  mongodb: () => startMongo(),
  dtm: () => startDtm(),
}

export async function openServers(names: readonly ServerName[] = serverNames): Promise<Servers> {
  return new Map(
    await Promise.all(
      names.map(async (name): Promise<[ServerName, Server]> => {
        const server = await begin[name]()
        const network = await openNetwork([server.url, ...grpcOf(server)].map(portOf))
        return [name, Object.assign(server, { network })]
      }),
    ),
  )
}

function grpcOf({ grpc }: { grpc?: string }): string[] {
  return grpc === undefined ? [] : [`grpc://${grpc}`]
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}

export async function closeServers(servers: Servers): Promise<void> {
  await Promise.all(
    [...servers.values()].map(async (server) => {
      await server.stop()
      await server.network.close()
    }),
  )
}

/** Apps reach all servers through their networks. */
export function surroundingsOf(servers: Servers): Surroundings {
  const dtm = servers.get('dtm')
  return {
    dtm: dtm && {
      url: through(dtm, dtm.url),
      grpc: new URL(through(dtm, `grpc://${dtm.grpc}`)).host,
      callbackHost: '127.0.0.1',
    },
    place: (product, label) => placeOn(servers, product, label),
  }
}

/** Databases go with their servers. */
async function drop(): Promise<void> {}

async function placeOn(servers: Servers, product: Product, label: string): Promise<Place> {
  switch (product) {
    case 'postgres': {
      const server = servers.get(product)!
      const { url } = await freshDatabase(server.url, label)
      return { url: through(server, url), drop }
    }
    case 'mysql': {
      const server = servers.get(product)!
      const { url } = await freshMysqlDatabase(server.url, label)
      return { url: through(server, url), drop }
    }
    case 'mongodb': {
      const server = servers.get(product)!
      const { url } = freshMongoDatabase(server.url, label)
      const direct = new URL(through(server, url))
      // Asked for its replica set, the server names its own address.
      direct.search = '?directConnection=true'
      return { url: direct.href, drop }
    }
    case 'pglite':
    case 'sqlite':
      return await freshPlace(product, label)
  }
}

function through({ network }: Server, url: string): string {
  const proxied = new URL(url)
  proxied.port = `${network.portTo(Number(proxied.port))}`
  return proxied.href.replace(/\/$/, '')
}
