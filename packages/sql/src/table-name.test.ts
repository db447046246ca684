import { describe, expect, test } from 'vitest'
import { prefixTables, schemaTables } from './table-name.ts'

describe('the tables of a schema', () => {
  test('are quoted and qualified', () => {
    const { barrier, once, meta, table } = schemaTables('user')
    const names = [barrier, once, meta, table('job')].map(({ strings }) => strings.join(''))
    expect(names).toEqual(['"user"."barrier"', '"user"."once"', '"user"."meta"', '"user"."job"'])
  })

  test.each(['s', '_private', 'app_2', 'a'.repeat(63)])('may be in %s', (schema) => {
    expect(schemaTables(schema).namespace).toBe(schema)
  })

  test.each(['', 'Stepping', '2nd', 'a-b', 'a.b', 'a"b', 'a b', 'a\n', 'é', 'a'.repeat(64)])(
    'may not be in %j, which would have to be quoted or is cut off',
    (schema) => {
      expect(() => schemaTables(schema)).toThrow(
        expect.objectContaining({
          code: 'DATABASE_INVALID',
          message: expect.stringContaining(JSON.stringify(schema)),
        }),
      )
    },
  )
})

describe('a barrier table that others share', () => {
  test('is qualified by its own schema, and the others stay where they are', () => {
    const { barrier, once, isBarrierShared } = schemaTables('user', 'dtm_barrier.barrier')
    expect([barrier, once].map(({ strings }) => strings.join(''))).toEqual([
      '"dtm_barrier"."barrier"',
      '"user"."once"',
    ])
    expect(isBarrierShared).toBe(true)
  })

  test('may be in another database where there are no schemas', () => {
    const { barrier } = prefixTables((name) => `\`${name}\``, 'app_', 'dtm_barrier.barrier')
    expect(barrier.strings.join('')).toBe('`dtm_barrier`.`barrier`')
  })

  test.each(['barrier', 'a.b.c', 'a.', '.b', 'A.b', 'a.b"'])('may not be called %j', (name) => {
    expect(() => schemaTables('user', name)).toThrow(
      expect.objectContaining({ code: 'DATABASE_INVALID' }),
    )
  })
})
