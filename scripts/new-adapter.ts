/**
 * `pnpm new-adapter <name>`: a package for an adapter, which compiles and whose kit fails with the name of what is not
 * written yet. `--into <folder>` puts it elsewhere and leaves the workspace alone.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, glob, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseArgs, promisify } from 'node:util'

const template = 'templates/adapter'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { into: { type: 'string' } },
})
const name = positionals[0] ?? ''
const folder = values.into ?? `packages/adapter-${name}`
const problem = whyNot()
if (problem === undefined) await create()
else {
  console.error(problem)
  process.exitCode = 1
}

function whyNot(): string | undefined {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    return 'Name the library in lower-case letters, digits and -, as in: npx --yes pnpm@12 new-adapter node-postgres'
  }
  return existsSync(folder) ? `${folder} is there already.` : undefined
}

async function create(): Promise<void> {
  for await (const path of glob('**/*.*', { cwd: template })) {
    // Where they lie now, the references of _tsconfig.json would lead nowhere.
    const target = join(folder, named(path.replace(/^_/, '')))
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, named(await readFile(join(template, path), 'utf8')))
  }
  await copyFile('LICENSE', join(folder, 'LICENSE'))
  if (values.into === undefined) await reference()
  // Lines are as long as the name is.
  await promisify(execFile)('node_modules/.bin/oxfmt', ['--no-error-on-unmatched-pattern', folder])
  console.log(
    `${folder} is made. Next:
  npx --yes pnpm@12 install
  npx --yes pnpm@12 test:db ${folder}
The kit says what to write first; docs/write-an-adapter.md says how.`,
  )
}

/** Paths and packages are called as the library is, functions and types as TypeScript has it. */
function named(text: string): string {
  const type = name.replaceAll(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase())
  const identifier = type.charAt(0).toLowerCase() + type.slice(1)
  // In one go, since the name may have `acme` in it.
  return text.replaceAll(/Acme|(adapter-|")?acme(?=(\.ts)?)/g, (found, before, file) => {
    if (found === 'Acme') return type
    return before === undefined && file === undefined ? identifier : found.replace('acme', name)
  })
}

/** Has the compiler look at it. */
async function reference(): Promise<void> {
  const config = await readFile('tsconfig.json', 'utf8')
  const last = '    { "path": "tsconfig.test.json" }\n'
  const references = [folder, `${folder}/tsconfig.test.json`]
    .map((path) => `    { "path": "${path}" },\n`)
    .join('')
  await writeFile('tsconfig.json', config.replace(last, references + last))
}
