import { describe, expect, it } from 'vitest'
import { hint, StepRegistry } from './step-registry.ts'
import { defineStep } from './step.ts'
import type { AnyStep, Step } from './step.ts'

function step(name: string, ...aliases: string[]): Step {
  return defineStep({ name, aliases, run: () => {} })
}

const unknown = expect.objectContaining({ code: 'STEP_UNKNOWN' })
const duplicate = expect.objectContaining({ code: 'STEP_DUPLICATE' })

describe('the registered steps', () => {
  it('are found by name and by alias', () => {
    const create = step('CreateOrder', 'MakeOrder')
    const registry = new StepRegistry([create, step('Ship')])
    expect(registry.get('CreateOrder')).toBe(create)
    expect(registry.get('MakeOrder')).toBe(create)
  })

  it('are listed by all names that stored jobs may use', () => {
    expect(new StepRegistry([step('A', 'Old'), step('B')]).names).toEqual(['A', 'Old', 'B'])
  })

  it('may list one definition twice', () => {
    const create = step('Create')
    expect(new StepRegistry([create, create]).names).toEqual(['Create'])
  })

  it('never share a name', () => {
    expect(() => new StepRegistry([step('Create'), step('Create')])).toThrow(duplicate)
  })

  it('never share a name by an alias', () => {
    expect(() => new StepRegistry([step('Create'), step('Make', 'Create')])).toThrow(duplicate)
  })

  it('refuse an unknown name and guess what was meant', () => {
    const registry = new StepRegistry([step('CreateOrder')])
    expect(() => registry.get('CreateOrdr')).toThrow(unknown)
    expect(() => registry.get('CreateOrdr')).toThrow(/Did you mean CreateOrder\?/)
  })

  it('refuse a step that was not registered', () => {
    const registry = new StepRegistry([step('Create')])
    expect(() => registry.assertRegistered(step('Ship'))).toThrow(unknown)
  })

  it('refuse another definition of a registered name', () => {
    const registry = new StepRegistry([step('Create')])
    expect(() => registry.assertRegistered(step('Create'))).toThrow(/not the one/)
  })

  it.each([
    ['what an import cycle left undefined', undefined, 'undefined'],
    ['a name', 'Create', '"Create"'],
    ['a function', () => {}, 'a function'],
    ['an object of its name', { name: 'Create' }, '{"name":"Create"}'],
  ])('refuse %s in place of a step, and say what they were given', (_name, given, printed) => {
    const registry = new StepRegistry([step('Create')])
    const assert = (): void => registry.assertRegistered(given as unknown as AnyStep<never>)
    expect(assert).toThrow(unknown)
    expect(assert).toThrow(`addStep was given ${printed}, it takes what defineStep returned`)
  })

  it('refuse to list what is no step', () => {
    const missing = undefined as unknown as AnyStep<never>
    expect(() => new StepRegistry([step('Create'), missing])).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID' }),
    )
  })
})

describe('the hint for a mistyped name', () => {
  const known = ['SendMail', 'ShipOrder', 'Pay']

  it.each([
    ['SendMial', 'SendMail'],
    ['sendmail', 'SendMail'],
    ['SendMails', 'SendMail'],
    ['ShpOrdr', 'ShipOrder'],
  ])('takes %s for %s', (typed, meant) => {
    expect(hint(typed, known)).toBe(` Did you mean ${meant}?`)
  })

  it.each(['Refund', 'Bar', 'S', ''])('is silent about %j', (typed) => {
    expect(hint(typed, known)).toBe('')
  })

  it('names the nearest of several', () => {
    expect(hint('SendMail1', ['SendMail22', 'SendMail2'])).toBe(' Did you mean SendMail2?')
  })
})
