import { describe, expect, test } from 'vitest'
import { numbered, rawSql, sql, toText } from './statement.ts'
import type { Statement } from './statement.ts'

function dollars(statement: Statement): string {
  return toText(statement, numbered)
}

function insert(table: string, id: number): Statement {
  return sql`insert into ${rawSql(table)} values (${id}, ${sql`lower(${'A'})`})`
}

function either(part: number | Statement): Statement {
  return sql`select ${part}`
}

describe('a statement', () => {
  test('keeps its values out of its text', () => {
    const name = `'; drop table orders; --`
    const statement = sql`select ${name}::text, ${1}::int, ${true}::boolean, ${null}::text`
    expect(dollars(statement)).toBe('select $1::text, $2::int, $3::boolean, $4::text')
    expect(statement.values).toEqual([name, 1, true, null])
  })

  test('takes in another one with its values, in order', () => {
    const inner = sql`(select ${'b'} union select ${'c'})`
    const statement = sql`select ${'a'} where x in ${inner} and y = ${'d'}`
    expect(dollars(statement)).toBe('select $1 where x in (select $2 union select $3) and y = $4')
    expect(statement.values).toEqual(['a', 'b', 'c', 'd'])
  })

  test('takes in text as text', () => {
    const table = rawSql('"stepping"."job"')
    const statement = sql`${table} join ${table} on ${1}`
    expect(dollars(statement)).toBe('"stepping"."job" join "stepping"."job" on $1')
  })

  test('may be nothing but a value', () => {
    expect(dollars(sql`${'only'}`)).toBe('$1')
    expect(dollars(sql`${sql`${'only'}`}`)).toBe('$1')
  })

  test('may be used twice', () => {
    const inner = sql`f(${1})`
    const first = sql`select ${inner}`
    const second = sql`select ${inner}, ${2}`
    expect(dollars(first)).toBe('select f($1)')
    expect(dollars(second)).toBe('select f($1), $2')
    expect(inner.values).toEqual([1])
  })

  test('has one more string than values', () => {
    const statements = [sql`a`, sql`${1}`, sql`a ${sql`b ${1} c`} d ${2}`, rawSql('a')]
    for (const { strings, values } of statements) expect(strings).toHaveLength(values.length + 1)
  })

  test('looks like the argument of a tagged template, which some libraries check', () => {
    const { strings } = sql`a ${1} b`
    expect(Array.isArray(strings)).toBe(true)
    expect(strings.raw).toEqual([...strings])
  })

  test('has the same strings each time that it is put together of the same parts', () => {
    expect(insert('a', 1).strings).toBe(insert('a', 2).strings)
    expect(insert('b', 3).strings).not.toBe(insert('a', 1).strings)
    expect(dollars(insert('b', 3))).toBe('insert into b values ($1, lower($2))')
    expect(insert('b', 3).values).toEqual([3, 'A'])
  })

  test('tells a value from a statement in the same place', () => {
    expect(dollars(either(1))).toBe('select $1')
    expect(dollars(either(rawSql('now()')))).toBe('select now()')
    expect(dollars(either(2))).toBe('select $1')
  })

  test('can have any placeholder', () => {
    expect(toText(sql`a = ${1} or b = ${2}`, () => '?')).toBe('a = ? or b = ?')
  })
})
