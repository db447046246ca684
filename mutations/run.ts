/**
 * `pnpm mutations [--tested] [words]`: switches known defects on, those whose names have the words, one after another;
 * each must make its test fail. `--tested`: somebody else sees to it that the tests pass without them.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { takeMongo, takeMysql, takePostgres } from '@stepping/test-support'
import { mutate } from './mutate.ts'
import { mutations } from './mutations.ts'
import type { Mutation } from './mutation.ts'
import type { Order, Run } from './warm-vitest.ts'

const { values: options, positionals: wanted } = parseArgs({
  options: { tested: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const chosen = mutations.filter(({ name }) => wanted.every((word) => name.includes(word)))

for (const mutation of chosen) mutate(mutation) // stale ones are found before anything runs

const servers = await Promise.all([takePostgres(), takeMysql(), takeMongo()])
const [postgres, mysql, mongo] = servers
const env = {
  ...process.env,
  STEPPING_TEST_POSTGRES_URL: postgres.url,
  STEPPING_TEST_MYSQL_URL: mysql.url,
  STEPPING_TEST_MONGODB_URL: mongo.url,
}
const runners = Array.from({ length: Math.min(2, chosen.length) }, () =>
  fork(new URL('warm-vitest.ts', import.meta.url), { env }),
)
let survivors = 0
try {
  await Promise.all(runners.map((runner) => once(runner, 'message')))
  if (!options.tested) await checkWithout(chosen)
  const queue = [...chosen]
  await Promise.all(runners.map((runner) => work(runner, queue)))
} finally {
  for (const runner of runners) runner.disconnect()
  await Promise.all(servers.map((server) => server.stop()))
}
console.log(`${chosen.length - survivors} passed, ${survivors} failed`)
process.exitCode = survivors === 0 ? 0 : 1

async function work(runner: ChildProcess, queue: Mutation[]): Promise<void> {
  for (let mutation = queue.shift(); mutation; mutation = queue.shift()) {
    const { name, test } = mutation
    const { passed, failed, output } = await ask(runner, { tests: [name], defect: name })
    if (passed + failed === 0) throw new Error(`No test is named ${test.name}:\n${output}`)
    if (failed > 0) {
      console.log(`killed    ${name}`)
      continue
    }
    survivors++
    console.log(`SURVIVED  ${name}\n          ${test.file}: ${test.name}\n${output}`)
  }
}

/** A test that fails anyway, or does not exist, would kill every mutation. */
async function checkWithout(all: readonly Mutation[]): Promise<void> {
  const files = [...Map.groupBy(all, ({ test }) => test.file).values()]
  await Promise.all(
    runners.map(async (runner) => {
      for (let some = files.shift(); some; some = files.shift()) {
        const names = new Set(some.map(({ test }) => test.name))
        const tests = some.map(({ name }) => name)
        const { passed, failed, output } = await ask(runner, { tests })
        if (failed === 0 && passed >= names.size) continue
        throw new Error(
          `Without any mutation ${passed} of ${names.size} tests pass and ${failed} fail:\n${output}`,
        )
      }
    }),
  )
}

async function ask(runner: ChildProcess, order: Order): Promise<Run> {
  runner.send(order)
  const [result] = (await once(runner, 'message')) as [Run]
  return result
}
