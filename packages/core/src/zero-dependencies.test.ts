import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { foreignImports } from './testing/foreign-imports.ts'

const manifest = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as Record<string, unknown>

const sources = readdirSync(new URL('.', import.meta.url)).filter(
  (name) => name.endsWith('.ts') && !/\.test(-d)?\.ts$/.test(name),
)

describe('core', () => {
  it.each(['dependencies', 'peerDependencies', 'optionalDependencies', 'bundledDependencies'])(
    'has no %s',
    (kind) => {
      expect(manifest[kind] ?? {}).toEqual({})
    },
  )

  it.each(sources)('imports only its own files in %s', (name) => {
    const source = readFileSync(new URL(name, import.meta.url), 'utf8')
    expect(foreignImports(source)).toEqual([])
  })
})

describe('an import of something else', () => {
  it.each([
    [`import pg from 'pg'`, 'pg'],
    [`import type { Pool } from "pg"`, 'pg'],
    [`import {\n  a,\n  b,\n} from 'node:fs'`, 'node:fs'],
    [`import 'side-effect'`, 'side-effect'],
    [`export * from '@scope/name'`, '@scope/name'],
    [`const fs = await import('node:fs')`, 'node:fs'],
    [`type Pool = import('pg').Pool`, 'pg'],
    [`const fs = require('node:fs')`, 'node:fs'],
    [`/// <reference types="node" />`, 'node'],
  ])('is noticed in %j', (source, name) => {
    expect(foreignImports(source)).toEqual([name])
  })

  it.each([`import { a } from './a.ts'`, `export * from '../b.js'`, `const from = 'pg'`])(
    'is not seen in %j',
    (source) => {
      expect(foreignImports(source)).toEqual([])
    },
  )
})
