import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const index = new URL('../src/index.ts', import.meta.url).href

const program = `
import { registerHooks } from 'node:module'
const loaded = []
registerHooks({
  load(url, context, next) {
    loaded.push(url)
    return next(url, context)
  },
})
await import(${JSON.stringify(index)})
console.log(JSON.stringify(loaded))`

test('loads neither the dialects nor the drivers that an app may not use', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--conditions=@stepping/source',
    '--input-type=module',
    '--eval',
    program,
  ])
  const loaded = JSON.parse(stdout) as string[]
  expect(loaded).toContain(index)
  const unused =
    /drizzle-orm\/(?:mysql-core|sqlite-core|node-postgres|mysql2|better-sqlite3|libsql)\//
  expect(loaded.filter((url) => unused.test(url))).toEqual([])
})
