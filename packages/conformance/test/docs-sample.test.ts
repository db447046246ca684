import { readFile, rm, writeFile } from 'node:fs/promises'
import type { SqlDatabase } from '@stepping/sql'
import { describeDatabase } from '@stepping/conformance'
import type { Pool, PoolClient } from 'pg'
import { afterAll, inject } from 'vitest'
import { plainHarness } from './faulty/plain-postgres.ts'

interface Sample {
  readonly pgDatabase: (
    pool: Pool,
    options: { name: string; schema?: string },
  ) => SqlDatabase<PoolClient, undefined>
}

// Beside this file, from where its imports are found.
const file = new URL(`./.sample-${crypto.randomUUID()}.ts`, import.meta.url)
const page = await readFile(new URL('../../../docs/write-an-adapter.md', import.meta.url), 'utf8')
await writeFile(file, /```ts\n(.*?)```/s.exec(page)![1]!)
afterAll(() => rm(file))
const { pgDatabase } = (await import(file.href)) as Sample

const plain = plainHarness(inject('postgresUrl'), {
  name: 'the sample of docs/write-an-adapter.md',
})

describeDatabase({
  name: plain.name,
  async open() {
    const opened = await plain.open()
    const pool = opened.mistakes['the pool'] as Pool
    return {
      ...opened,
      over: ({ name, tables }) =>
        pgDatabase(pool, { name, ...(tables !== undefined && { schema: tables }) }),
      begin: { lacking: 'the sample has no commit' },
    }
  },
})
