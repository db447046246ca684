import { readFileSync } from 'node:fs'
import { freshDatabase, runChild } from '@stepping/test-support'
import type { Child } from '@stepping/test-support'
import { Client } from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'

async function freshShop(): Promise<string> {
  const database = await freshDatabase(inject('postgresUrl'), 'newcomer')
  onTestFinished(() => database.drop())
  const { url } = database
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(
    'create table orders (id int primary key generated always as identity, sku text not null)',
  )
  await client.end()
  return url
}

function run(program: string, url: string, env: Record<string, string> = {}): Child {
  return runChild(new URL(program, import.meta.url), { env: { DATABASE_URL: url, ...env } })
}

function linesOf(program: string): number {
  const text = readFileSync(new URL(program, import.meta.url), 'utf8')
  return text.split('\n').filter((line) => line.trim() !== '').length
}

test('a job in an order’s transaction takes at most 18 more lines', () => {
  expect(linesOf('with-jobs.ts') - linesOf('without-jobs.ts')).toBeLessThanOrEqual(18)
})

test('a step that fails twice prints one line each time, succeeds, and the program ends', async () => {
  const program = run('with-jobs.ts', await freshShop())
  expect(await program.exit).toEqual({ code: 0, signal: null })
  expect(program.lines).toEqual(['order 1', 'mail for order 1'])
  expect(program.errorLines).toHaveLength(2)
  expect(program.errorLines[0]).toMatch(
    /^stepping: job \S+: step 1 \(SendMail\), attempt 1 failed: the mail server is busy; next try in 0\.\d|1\.\d s$/,
  )
})

test('a database that is down is named by its address, without the password', async () => {
  const program = run('mistakes.ts', 'postgres://shop:secret@127.0.0.1:9/orders', {
    MISTAKE: 'database down',
  })
  await program.exit
  expect(program.lines).toEqual([
    expect.stringMatching(
      /^DATABASE_UNREACHABLE: The database orders at postgres:\/\/shop@127\.0\.0\.1:9\/orders cannot be reached: connect ECONNREFUSED/,
    ),
  ])
  expect(program.lines.join() + program.errorLines.join()).not.toContain('secret')
})

test('tables that are missing are told with the command that creates them', async () => {
  const program = run('mistakes.ts', await freshShop(), { MISTAKE: 'not migrated' })
  await program.exit
  expect(program.lines).toEqual([
    'SCHEMA_MISSING: The tables of stepping in the schema "stepping" of the database orders do not exist: run `await stepping.migrate()` once when deploying.',
  ])
})

test('a job whose step no process knows is reported once, with the likely name', async () => {
  const program = run('mistakes.ts', await freshShop(), { MISTAKE: 'unknown step' })
  await program.exit
  expect(program.errorLines).toEqual([
    expect.stringMatching(/^stepping: .*SendMial.*Did you mean SendMail\?$/),
  ])
})

test('args that cannot be stored are told with their step and path', async () => {
  const program = run('mistakes.ts', await freshShop(), { MISTAKE: 'bad args' })
  await program.exit
  expect(program.lines).toEqual([
    'ARGS_NOT_JSON: The args of step SendMail cannot be stored: $.due is a Date. Pass value.toISOString().',
  ])
})

test('a forgotten start is told once', async () => {
  const program = run('mistakes.ts', await freshShop(), { MISTAKE: 'start forgotten' })
  await program.exit
  expect(program.errorLines).toEqual([
    expect.stringMatching(/^stepping: jobs were added but .* await stepping\.start\(\)/),
  ])
})
