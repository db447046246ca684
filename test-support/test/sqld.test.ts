import { expect, onTestFinished, test } from 'vitest'
import { startSqld } from '../src/index.ts'
import type { SqldServer } from '../src/index.ts'

async function execute({ url }: SqldServer, sql: string): Promise<unknown> {
  const body = JSON.stringify({
    requests: [{ type: 'execute', stmt: { sql } }, { type: 'close' }],
  })
  const response = await fetch(`${url}/v2/pipeline`, { method: 'POST', body })
  return await response.json()
}

test('a libSQL server answers, keeps its data over a crash, and is gone when it is stopped', async () => {
  const server = await startSqld()
  onTestFinished(() => server.stop())
  await execute(server, 'create table t as select 42 as answer')
  await server.kill()
  await expect(execute(server, 'select 1')).rejects.toBeInstanceOf(Error)
  await server.start()
  expect(await execute(server, 'select answer from t')).toMatchObject({
    results: [{ response: { result: { rows: [[{ value: '42' }]] } } }, {}],
  })
  await server.stop()
  await expect(execute(server, 'select 1')).rejects.toBeInstanceOf(Error)
})
