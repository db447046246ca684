import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { describeIssues, unchecked } from './standard-schema.ts'
import type { StandardSchema } from './standard-schema.ts'

async function issuesOf(schema: StandardSchema, value: unknown): Promise<string> {
  const result = await schema['~standard'].validate(value)
  return describeIssues(result.issues ?? [])
}

describe('the issues of a failed check', () => {
  it('name the path as one would write it', () => {
    const issues = [
      { path: ['sku'], message: 'expected string' },
      { path: ['lines', 0, { key: 'count' }], message: 'too small' },
    ]
    expect(describeIssues(issues)).toBe('sku: expected string; lines[0].count: too small')
  })

  it('stand without a path when the value itself is wrong', () => {
    expect(describeIssues([{ message: 'expected object' }])).toBe('expected object')
  })

  it('are cut after a few, however many there are', () => {
    const issues = Array.from({ length: 1_000 }, (_, i) => ({ path: [i], message: 'wrong' }))
    expect(describeIssues(issues).split('; ')).toHaveLength(5)
  })

  it('read the same from zod and from valibot', async () => {
    const value = { lines: [{ count: 'two' }] }
    const zod = z.object({ lines: z.array(z.object({ count: z.number() })) })
    const valibot = v.object({ lines: v.array(v.object({ count: v.number() })) })
    expect(await issuesOf(zod, value)).toMatch(/^lines\[0\]\.count: /)
    expect(await issuesOf(valibot, value)).toMatch(/^lines\[0\]\.count: /)
  })
})

describe('an unchecked schema', () => {
  it.each([[1], ['x'], [null], [{ a: [1] }]])('lets %j through as it is', async (value) => {
    expect(await unchecked()['~standard'].validate(value)).toEqual({ value })
  })
})
