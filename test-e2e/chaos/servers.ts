import {
  freshDatabase,
  freshMongoDatabase,
  freshMysqlDatabase,
  startDtm,
  startMariadb,
  startMongo,
  startPostgres,
} from '@stepping/test-support'
import type { Product } from '../matrix/library.ts'
import { freshPlace } from '../matrix/places.ts'
import type { Place } from '../matrix/places.ts'
import type { Surroundings } from '../matrix/stage.ts'
import { openProxy } from './proxy.ts'
import type { Proxy } from './proxy.ts'

export const serverNames = ['postgres', 'mysql', 'mongodb', 'dtm'] as const
export type ServerName = (typeof serverNames)[number]

/** A server that may be killed, and the network before it. */
export interface Server {
  readonly url: string
  readonly network: Proxy
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

export interface Servers extends Readonly<Record<ServerName, Server>> {
  /** Orders by gRPC go to it directly; what is asked about them, by the network. */
  readonly dtm: Server & { readonly grpc: string }
}

/**
 * A server that is killed forgets nothing of what it acknowledged: that is with the operating system, which goes on.
 * Waiting for the disk as well would take most of the time.
 */
export async function openServers(): Promise<Servers> {
  const [postgres, mysql, mongodb, dtm] = await Promise.all([
    startPostgres(),
    startMariadb({
      settings: { 'innodb-flush-log-at-trx-commit': '2', 'innodb-doublewrite': '1' },
    }),
    startMongo(),
    startDtm(),
  ])
  return {
    postgres: await behindProxy(postgres),
    mysql: await behindProxy(mysql),
    mongodb: await behindProxy(mongodb),
    dtm: await behindProxy(dtm),
  }
}

async function behindProxy<S extends Omit<Server, 'network'>>(
  server: S,
): Promise<S & Pick<Server, 'network'>> {
  return Object.assign(server, { network: await openProxy(Number(new URL(server.url).port)) })
}

export async function closeServers(servers: Servers): Promise<void> {
  for (const name of serverNames) {
    await servers[name].stop()
    await servers[name].network.close()
  }
}

/** Apps reach all servers through their networks. */
export function surroundingsOf(servers: Servers): Surroundings {
  return {
    dtm: {
      url: through(servers.dtm, servers.dtm.url),
      grpc: servers.dtm.grpc,
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
      const { url } = await freshDatabase(servers.postgres.url, label)
      return { url: through(servers.postgres, url), drop }
    }
    case 'mysql': {
      const { url } = await freshMysqlDatabase(servers.mysql.url, label)
      return { url: through(servers.mysql, url), drop }
    }
    case 'mongodb': {
      const { url } = freshMongoDatabase(servers.mongodb.url, label)
      const direct = new URL(through(servers.mongodb, url))
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
  proxied.port = `${network.port}`
  return proxied.href.replace(/\/$/, '')
}
