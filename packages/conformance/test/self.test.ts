import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { databaseFaults } from './faulty/databases.ts'
import { jobStoreFaults } from './faulty/job-stores.ts'
import { transactionManagerFaults } from './faulty/transaction-managers.ts'

interface Case {
  readonly ancestorTitles: readonly string[]
  readonly title: string
  readonly status: 'passed' | 'failed' | 'skipped' | 'pending'
  readonly failureMessages: readonly string[]
}

const seams = [
  { seam: 'database', faults: databaseFaults },
  { seam: 'job store', faults: jobStoreFaults },
  { seam: 'transaction manager', faults: transactionManagerFaults },
] as const

const root = fileURLToPath(new URL('../../../', import.meta.url))
let cases: readonly Case[]

beforeAll(async () => {
  cases = await runKit()
}, 600_000)

describe.each(seams)('the kit for a $seam', ({ seam, faults }) => {
  test('passes a healthy one', () => {
    const ran = casesOf(seam, 'healthy')
    expect(ran.filter(({ status }) => status === 'failed')).toEqual([])
    for (const { rejectedBy } of faults) {
      expect(ran.find(({ title }) => title === rejectedBy)).toMatchObject({ status: 'passed' })
    }
  })

  test.each(faults)('rejects this: $name', ({ name, rejectedBy }) => {
    const ran = casesOf(seam, name).filter(({ title }) => title === rejectedBy)
    expect(ran).not.toEqual([])
    expect(ran.filter(({ status }) => status === 'failed')).not.toEqual([])
    // A failure that takes its time to say nothing is no help.
    for (const { failureMessages } of ran) expect(failureMessages.join()).not.toMatch(/timed out/)
  })
})

function casesOf(seam: string, name: string): Case[] {
  return cases.filter(({ ancestorTitles: [first = ''] }) =>
    [`${seam}: ${name}`, `${seam}: ${name}, data in PostgreSQL`].includes(first),
  )
}

/** Each fault on the case that has to reject it, and what is healthy on all of them. */
async function runKit(): Promise<readonly Case[]> {
  const chosen = seams.flatMap(({ seam, faults }) =>
    faults.flatMap(({ name, rejectedBy }) => [
      `${RegExp.escape(`${seam}: ${name}`)}.* ${RegExp.escape(rejectedBy)}$`,
      `${seam}: healthy.* ${RegExp.escape(rejectedBy)}$`,
    ]),
  )
  const folder = await mkdtemp(join(tmpdir(), 'stepping-conformance-'))
  try {
    const report = join(folder, 'report.json')
    const output = await vitest(['-t', chosen.join('|'), `--outputFile=${report}`])
    const json = await readFile(report, 'utf8').catch(() => {
      throw new Error(`The kit did not run:\n${output}`)
    })
    const results = JSON.parse(json) as { testResults: { assertionResults: Case[] }[] }
    return results.testResults.flatMap(({ assertionResults }) => assertionResults)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function vitest(args: readonly string[]): Promise<string> {
  const command = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
  const config = 'packages/conformance/test/faulty/vitest.config.ts'
  return await new Promise((resolve) => {
    execFile(
      process.execPath,
      [command, 'run', '--root', root, '--config', config, '--reporter=json', ...args],
      {
        cwd: root,
        env: { ...process.env, STEPPING_TEST_POSTGRES_URL: inject('postgresUrl') },
        maxBuffer: 64 * 1024 * 1024,
      },
      (_error, stdout, stderr) => resolve(stdout + stderr),
    )
  })
}
