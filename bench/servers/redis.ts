import { startRedis } from '@stepping/test-support'
import { Redis } from 'ioredis'
import type { Server } from '../server.ts'

export async function startRedisServer(): Promise<Server> {
  const server = await startRedis()
  return {
    settings: await readSettings(server.url),
    async freshDatabase() {
      await using client = connect(server.url)
      await client.redis.flushall()
      return { url: server.url, [Symbol.asyncDispose]: async () => {} }
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

/** @throws if the server would lose acknowledged writes. */
async function readSettings(url: string): Promise<string> {
  await using client = connect(url)
  const told = ['appendonly', 'appendfsync']
  const values = await Promise.all(told.map((name) => client.redis.config('GET', name)))
  const settings = values.map(([name, value]) => `${name} ${value}`).join(', ')
  if (settings !== 'appendonly yes, appendfsync always') throw new Error(`${settings}.`)
  const version = /redis_version:(\S+)/.exec(await client.redis.info('server'))?.[1]
  return `Redis ${version}: ${settings}`
}

function connect(url: string): { redis: Redis } & AsyncDisposable {
  const redis = new Redis(url)
  return { redis, [Symbol.asyncDispose]: async () => void (await redis.quit()) }
}
