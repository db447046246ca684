import { describe, expect, it } from 'vitest'
import { defineStep, stepsFor } from './step.ts'
import { unchecked } from './standard-schema.ts'

const run = (): void => {}
const invalid = expect.objectContaining({ code: 'OPTIONS_INVALID' })

describe('defining a step', () => {
  it('keeps the name it was given, whatever its function is called', () => {
    expect(defineStep({ name: 'orders.Create:v2', run }).name).toBe('orders.Create:v2')
  })

  it.each(['a', 'Create_Order-1', 'x'.repeat(100)])('takes the name %j', (name) => {
    expect(defineStep({ name, run }).name).toBe(name)
  })

  it.each(['', ' ', 'Create Order', 'naïve', 'a/b', 'a\n', 'x'.repeat(101)])(
    'refuses the name %j',
    (name) => {
      expect(() => defineStep({ name, run })).toThrow(invalid)
    },
  )

  it('refuses a name that is not there, instead of storing jobs under "undefined"', () => {
    const name = undefined as unknown as string
    expect(() => defineStep({ name, run })).toThrow(invalid)
  })

  it('refuses an alias that could not be a name', () => {
    expect(() => defineStep({ name: 'Create', aliases: ['Old', 'the old one'], run })).toThrow(
      /the old one/,
    )
  })

  it('refuses aliases that are no list, instead of taking each letter for one', () => {
    const aliases = 'Old' as unknown as string[]
    expect(() => defineStep({ name: 'Create', aliases, run })).toThrow(invalid)
  })

  it.each([0, -1, Number.NaN, '1000'])('refuses a timeoutMs of %j', (value) => {
    const timeoutMs = value as number
    expect(() => defineStep({ name: 'Create', timeoutMs, run })).toThrow(invalid)
  })

  it.each([0, -1, Number.NaN, '3', 2.5])('refuses a maxAttempts of %j', (value) => {
    const maxAttempts = value as number
    expect(() => defineStep({ name: 'Create', maxAttempts, run })).toThrow(
      /^step Create: maxAttempts is /,
    )
  })

  it.each(['firstMs', 'factor', 'capMs'])('refuses a backoff with a %s of 0', (option) => {
    expect(() => defineStep({ name: 'Create', backoff: { [option]: 0 }, run })).toThrow(invalid)
    expect(() => defineStep({ name: 'Create', backoff: { [option]: '5' }, run })).toThrow(invalid)
  })

  it('refuses a run that is no function', () => {
    const missing = undefined as unknown as () => void
    expect(() => defineStep({ name: 'Create', run: missing })).toThrow(invalid)
  })

  it('refuses args that are no schema', () => {
    const args = { sku: 'A1' } as never
    expect(() => defineStep({ name: 'Create', args, run })).toThrow(/args is \{"sku":"A1"\}/)
  })

  it('tries for ever, five minutes at a time, when nothing else is said', () => {
    expect(defineStep({ name: 'Create', run })).toMatchObject({
      timeoutMs: 300_000,
      maxAttempts: Infinity,
    })
  })

  it('keeps its schema', () => {
    const args = unchecked<string>()
    expect(defineStep({ name: 'Create', args, run }).schema).toBe(args)
  })

  it('with services makes the same definition', () => {
    const step = stepsFor<{ mailer: object }>().defineStep({ name: 'Mail', maxAttempts: 3, run })
    expect(step).toMatchObject({ name: 'Mail', maxAttempts: 3 })
  })
})
