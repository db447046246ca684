import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readPage } from './page.ts'
import type { Link, Page } from './page.ts'

/** What is wrong with the links of these pages to files, headings and tests of this repository. */
export async function checkLinks(pages: readonly Page[]): Promise<string[]> {
  const known = new Map(pages.map((page) => [page.path, page]))
  const problems: string[] = []
  for (const page of pages) {
    for (const link of page.links) {
      const wrong = await problemOf(link, page, known)
      if (wrong !== undefined) problems.push(`${page.path}:${link.line}: ${wrong}`)
    }
  }
  return problems
}

async function problemOf(
  { target, quoted }: Link,
  page: Page,
  known: ReadonlyMap<string, Page>,
): Promise<string | undefined> {
  if (/^[a-z]+:/i.test(target)) return undefined
  const [file = '', anchor] = target.split('#')
  const path = file === '' ? page.path : join(file.startsWith('/') ? '.' : dirname(page.path), file)
  if (!(await exists(path))) return `${target} leads to no file`
  if (anchor !== undefined && path.endsWith('.md')) {
    const { anchors } = known.get(path) ?? (await readPage(path))
    if (!anchors.has(anchor)) return `${path} has no heading #${anchor}`
  }
  if (quoted !== undefined && path.endsWith('.ts') && !(await hasTest(path, quoted))) {
    return `${path} has no test "${quoted}"`
  }
  return undefined
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}

/** Whether a test of that name is written there. What is filled in (`${path}`, `$to`, `%s`) stands for anything. */
async function hasTest(path: string, name: string): Promise<boolean> {
  const source = await readFile(path, 'utf8')
  // A string that is the first argument of a call, because of test.each(...)('...').
  const written = source.matchAll(
    /\(\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|`((?:\\.|[^`\\])*)`)/g,
  )
  for (const [, single, double, template] of written) {
    const text = (single ?? double ?? template!).replaceAll(/\\(.)/g, '$1')
    const parts = text.split(/\$\{[^}]*\}|\$\w+|%[a-z]/)
    // Mostly filled in, it would be any name.
    if (parts.join('').length * 3 < name.length) continue
    const pattern = parts.map((part) => part.replaceAll(/[^\w\s]/g, '\\$&')).join('.+')
    if (new RegExp(`^${pattern}$`).test(name)) return true
  }
  return false
}
