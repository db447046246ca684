import { connect } from 'node:net'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { startRedis } from '../src/index.ts'
import type { RedisServer } from '../src/index.ts'

async function ask({ url }: RedisServer, command: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write(`${command}\r\n`)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    return answer.toString()
  } finally {
    socket.destroy()
  }
}

test('a Redis server answers, writes each command to the disk, and is gone when it is stopped', async () => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  expect(await ask(server, 'SET answer 42')).toBe('+OK\r\n')
  expect(await ask(server, 'GET answer')).toBe('$2\r\n42\r\n')
  expect(await ask(server, 'CONFIG GET appendfsync')).toContain('always')
  await server.stop()
  await expect(ask(server, 'PING')).rejects.toThrow('ECONNREFUSED')
})
