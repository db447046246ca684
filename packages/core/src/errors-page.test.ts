import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'

it('docs/errors.md has a row for each code, and no other', async () => {
  const source = await readFile(new URL('errors.ts', import.meta.url), 'utf8')
  const page = await readFile(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
  const codes = [...source.matchAll(/^ {2}\| '([A-Z_]+)'$/gm)].map((match) => match[1])
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` +\|/gm)].map((match) => match[1])
  expect(codes.length).toBeGreaterThan(0)
  expect(rows).toEqual(codes)
})
