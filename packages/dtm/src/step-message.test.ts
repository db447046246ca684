import type { JobRecord, StepRecord } from '@stepping/core'
import { describe, expect, it } from 'vitest'
import { decodeStepMessage, encodeStepMessage } from './step-message.ts'

function jobOf(...steps: StepRecord[]): JobRecord {
  return { gid: 'g', app: 'shop', steps, notAfter: 0, callerGid: false, byHand: false }
}

describe('a step message', () => {
  it('comes out as it went in', () => {
    const args = JSON.stringify({
      text: 'ключ "\0" 🚀\n',
      'über/7': [0.1, null],
      2: 'two',
      1: 'one',
    })
    const job = jobOf({ name: 'Ship', args }, { name: 'Mail' })
    expect(decodeStepMessage(encodeStepMessage(job, 0))).toEqual({
      app: 'shop',
      gid: 'g',
      index: 0,
      step: 'Ship',
      args,
      last: false,
    })
    expect(decodeStepMessage(encodeStepMessage(job, 1))).toEqual({
      app: 'shop',
      gid: 'g',
      index: 1,
      step: 'Mail',
      last: true,
    })
  })

  it('tells args that are null from none', () => {
    const message = decodeStepMessage(encodeStepMessage(jobOf({ name: 'A', args: 'null' }), 0))
    expect(message).toMatchObject({ args: 'null' })
  })

  it('is the same text when a body parser has read it and somebody prints it again', () => {
    const text = encodeStepMessage(jobOf({ name: 'A', args: '{"b":1,"a":[1.5,"x"]}' }), 0)
    expect(JSON.stringify(JSON.parse(text))).toBe(text)
  })

  it.each([
    '',
    '{',
    '[]',
    'null',
    '"x"',
    '{"app":"a","gid":"g","step":"A","index":0.5}',
    '{"app":"a","gid":"g","step":"A","index":2147483648}',
  ])('is not %s', (text) => {
    expect(decodeStepMessage(text)).toBeUndefined()
  })
})
