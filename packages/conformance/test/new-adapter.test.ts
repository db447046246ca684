import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
// Inside this package, from where the imports of the template are found.
const folder = `packages/conformance/test/.adapter-${crypto.randomUUID()}`
let made: Ended

interface Ended {
  readonly code: number
  readonly output: string
}

beforeAll(async () => {
  made = await node(['scripts/new-adapter.ts', 'two-words', '--into', folder])
  // As an install does for what is not found from there.
  const modules = join(root, folder, 'node_modules/@stepping')
  await mkdir(modules, { recursive: true })
  await symlink(join(root, 'packages/conformance'), join(modules, 'conformance'))
  const compilerOptions = { composite: false, noEmit: true, allowImportingTsExtensions: true }
  await write('tsconfig.json', {
    extends: '../../../../tsconfig.test.json',
    compilerOptions,
    include: ['src', 'test'],
  })
  await write('vitest.config.mjs', {
    ssr: { resolve: { conditions: ['@stepping/source'] } },
    test: {
      include: [`${folder}/test/*.test.ts`],
      provide: { postgresUrl: inject('postgresUrl') },
    },
  })
}, 60_000)

afterAll(async () => {
  await rm(join(root, folder), { recursive: true, force: true })
})

test('a new adapter is named after its library', async () => {
  expect(made).toMatchObject({ code: 0 })
  const manifest = await readFile(join(root, folder, 'package.json'), 'utf8')
  expect(JSON.parse(manifest)).toMatchObject({ name: '@stepping/adapter-two-words' })
  const index = await readFile(join(root, folder, 'src/index.ts'), 'utf8')
  expect(index).toContain(`export { twoWords } from './two-words.ts'`)
})

test('a new adapter compiles', async () => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  expect(await node([tsc, '-p', folder])).toEqual({ code: 0, output: '' })
}, 60_000)

test('the kit names what is to be written, one after the other', async () => {
  const first = await kit()
  expect(first.code).not.toBe(0)
  expect(first.output).toContain('connect is not written yet, in test/conformance.ts')
  await replace(
    'test/conformance.ts',
    /throw unwritten\(\s*'connect'[^;]*?\n  \)/,
    'return { url }',
  )
  const second = await kit()
  expect(second.code).not.toBe(0)
  expect(second.output).toContain('transact is not written yet, in src/two-words.ts')
}, 120_000)

test('a folder that is there is left alone', async () => {
  const again = await node(['scripts/new-adapter.ts', 'two-words', '--into', folder])
  expect(again).toMatchObject({ code: 1, output: expect.stringContaining('is there already') })
})

test('a name that would make no package is refused', async () => {
  const refused = await node(['scripts/new-adapter.ts', '../Evil'])
  expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('lower-case letters') })
})

async function kit(): Promise<Ended> {
  const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
  const config = `${folder}/vitest.config.mjs`
  return await node([vitest, 'run', '--root', root, '--config', config, '-t', 'outcomes'])
}

async function write(file: string, content: object): Promise<void> {
  const text = JSON.stringify(content)
  await writeFile(join(root, folder, file), file.endsWith('.mjs') ? `export default ${text}` : text)
}

async function replace(file: string, from: RegExp, to: string): Promise<void> {
  const path = join(root, folder, file)
  const source = await readFile(path, 'utf8')
  expect(source).toMatch(from)
  await writeFile(path, source.replace(from, to))
}

async function node(args: readonly string[]): Promise<Ended> {
  return await new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...args],
      { cwd: root, maxBuffer: 64 * 1024 * 1024 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? 1, output: stdout + stderr }),
    )
  })
}
