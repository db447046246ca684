import { fileURLToPath } from 'node:url'
import { createVitest } from 'vitest/node'
import type { TestCase, TestModule } from 'vitest/node'
import { mutations } from './mutations.ts'
import type { Mutation } from './mutation.ts'
import { pathOf } from './mutate.ts'

/** How the tests ended that one or more mutations name. */
export interface Run {
  readonly passed: number
  readonly failed: number
  readonly output: string
}

/** What to run: the tests of these mutations, with the defect of one of them switched on or none. */
export interface Order {
  readonly tests: readonly string[]
  readonly defect?: string
}

const root = fileURLToPath(new URL('../', import.meta.url))
const register = new URL('register.ts', import.meta.url).href

/**
 * Vitest, started once for many runs: only what a mutation changed is loaded anew. Tests run in processes of their own, so
 * that nothing of a defect is left for the next one.
 */
const vitest = await createVitest({
  root,
  watch: false,
  isolate: true,
  maxWorkers: 1,
  reporters: [{}],
  // Cached modules do not tell a mutation apart, and a cached mutation would outlive this run.
  fsModuleCache: false,
})
await vitest.standalone()

process.on('message', (order: Order) => {
  void run(order).then(
    (result) => process.send!(result),
    (error: Error) =>
      process.send!({ passed: 0, failed: 0, output: String(error.stack) } satisfies Run),
  )
})
process.on('disconnect', () => void vitest.close().then(() => process.exit()))
process.send!('ready')

async function run({ tests, defect }: Order): Promise<Run> {
  const named = mutations.filter(({ name }) => tests.includes(name))
  const active = mutations.find(({ name }) => name === defect)
  switchOn(active)
  try {
    const files = new Set(named.map(({ test }) => test.file))
    const all = await vitest.globTestSpecifications([...files])
    vitest.setGlobalTestNamePattern(
      new RegExp(named.map(({ test }) => patternOf(test.name)).join('|')),
    )
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(
      all.filter(({ moduleId }) => files.has(moduleId.slice(root.length))),
    )
    return resultOf(testModules, unhandledErrors)
  } finally {
    switchOff(active)
  }
}

function switchOn(mutation: Mutation | undefined): void {
  if (!mutation) return
  process.env['STEPPING_MUTATION'] = mutation.name
  process.env['NODE_OPTIONS'] = `--import ${register}`
  vitest.invalidateFile(pathOf(mutation))
}

function switchOff(mutation: Mutation | undefined): void {
  if (!mutation) return
  delete process.env['STEPPING_MUTATION']
  delete process.env['NODE_OPTIONS']
  vitest.invalidateFile(pathOf(mutation))
}

function resultOf(modules: readonly TestModule[], unhandled: readonly unknown[]): Run {
  const tests = modules.flatMap((module) => [...module.children.allTests()])
  const count = (state: string): number =>
    tests.filter((test) => test.result().state === state).length
  const problems = [
    ...tests.map((test) => describeTest(test)),
    ...modules.flatMap((module) => module.errors().map((error) => error.stack ?? error.message)),
    ...unhandled.map((error) => (error as Error).stack ?? String(error)),
  ]
  return { passed: count('passed'), failed: count('failed'), output: problems.join('\n') }
}

function describeTest(test: TestCase): string {
  const { state, errors } = test.result()
  return [
    `${state} ${test.fullName}`,
    ...(errors ?? []).map(({ stack, message }) => stack ?? message),
  ].join('\n')
}

/** Vitest joins the names of a test and of what it stands in by a space. */
function patternOf(name: string): string {
  return name
    .split(' > ')
    .map((part) => RegExp.escape(part))
    .join(' (?:.* )?')
}
