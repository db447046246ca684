import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import type { Page } from './page.ts'

/** Strict, against the sources of the packages. */
const tsconfig = {
  extends: '../../tsconfig.base.json',
  compilerOptions: {
    noEmit: true,
    composite: false,
    declaration: false,
    declarationMap: false,
    isolatedDeclarations: false,
    moduleDetection: 'force',
    allowImportingTsExtensions: true,
    rewriteRelativeImportExtensions: false,
  },
  include: ['**/*.ts'],
}

/** Type-checks the samples of all pages, then runs those that are marked so. */
export async function checkSamples(pages: readonly Page[]): Promise<string[]> {
  // Inside docs, whose package.json has what the samples import.
  const folder = await mkdtemp(join('docs', '.samples-'))
  try {
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
    for (const page of pages) {
      for (const { line, code } of page.samples) {
        const file = fileOf(folder, page, line)
        await mkdir(dirname(file), { recursive: true })
        await writeFile(file, code)
      }
    }
    const wrong = await typeCheck(folder)
    return wrong.length > 0 ? wrong : await runMarked(folder, pages)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** `README.md.12.ts`, in a folder as the page's own. */
function fileOf(folder: string, page: Page, line: number): string {
  return join(folder, `${page.path}.${line}.ts`)
}

async function typeCheck(folder: string): Promise<string[]> {
  const tsc = join('node_modules', '.bin', 'tsc')
  const { failed, output } = await execute(tsc, ['-p', folder, '--pretty', 'false'])
  if (!failed) return []
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  return lines.map((line) => {
    const error = /^(.+)\.\d+\.ts\((\d+),\d+\): (.*)$/.exec(line)
    return error ? `${relative(folder, error[1]!)}:${error[2]}: ${error[3]}` : line
  })
}

async function runMarked(folder: string, pages: readonly Page[]): Promise<string[]> {
  const problems: string[] = []
  for (const page of pages) {
    for (const { line } of page.samples.filter((sample) => sample.run)) {
      const file = fileOf(folder, page, line)
      const { failed, output } = await execute(process.execPath, [
        '--conditions=@stepping/source',
        file,
      ])
      if (failed) problems.push(`${page.path}:${line}: this program failed\n${output}`)
    }
  }
  return problems
}

async function execute(
  command: string,
  args: readonly string[],
): Promise<{ failed: boolean; output: string }> {
  return await new Promise((resolve) => {
    execFile(command, args, { timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({
        failed: error !== null,
        output: `${stdout}${stderr}${error?.killed ? 'timed out' : ''}`,
      })
    })
  })
}
