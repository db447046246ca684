import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { foreignImports } from '../src/testing/foreign-imports.ts'

const run = promisify(execFile)
const tsc = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript/package.json')))
const project = fileURLToPath(new URL('../tsconfig.json', import.meta.url))

let folder: string
let files: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stepping-core-'))
  const buildInfo = join(folder, '.tsbuildinfo')
  const options = ['--project', project, '--outDir', folder, '--tsBuildInfoFile', buildInfo]
  await run(process.execPath, [tsc, ...options])
  files = await readdir(folder, { recursive: true })
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('the built files of core', () => {
  it('are an entry and its types, and nothing of the tests', () => {
    expect(files).toEqual(expect.arrayContaining(['index.js', 'index.d.ts']))
    expect(files.filter((name) => /test/.test(name))).toEqual([])
  })

  it.each(['.js', '.d.ts'])('with the ending %s import only one another', async (ending) => {
    const named = files.filter((name) => name.endsWith(ending))
    const imports = await Promise.all(
      named.map(async (name) => foreignImports(await readFile(join(folder, name), 'utf8'))),
    )
    expect(named.length).toBeGreaterThan(10)
    expect(imports.flat()).toEqual([])
  })

  it('load where Node has nothing built in to offer, as in a browser', async () => {
    const script = `
      delete process.getBuiltinModule
      const { createStepping } = await import(process.argv[1])
      console.log(typeof createStepping)`
    const entry = join(folder, 'index.js')
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script, entry])
    expect(stdout.trim()).toBe('function')
  })
})
