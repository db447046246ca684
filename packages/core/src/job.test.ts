import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { maxArgsBytes } from './job.ts'
import { safeAge } from './safe-age.ts'
import type { StandardSchema } from './standard-schema.ts'
import { thenable } from './testing/thenable.ts'
import { unchecked } from './standard-schema.ts'
import { defineStep } from './step.ts'
import type { Step } from './step.ts'
import { fakeApp, sendMail, shipOrder } from './testing/fake-app.ts'

const run = (): void => {}

const order = defineStep({ name: 'Order', args: z.object({ sku: z.string().min(1) }), run })
const text = defineStep({ name: 'Text', args: unchecked<string>(), run })
const anything = defineStep({ name: 'Anything', args: unchecked<unknown>(), run })

/** Accepts only `good`, and says so a moment later. */
const slowSchema: StandardSchema<string> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: async (value) =>
      value === 'good' ? { value } : { issues: [{ message: 'expected good' }] },
  },
}
const slow = defineStep({ name: 'Slow', args: slowSchema, run })

/** With a promise of its own making, as a library or another realm may have. */
const foreignSchema: StandardSchema<string> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => thenable(slowSchema['~standard'].validate(value)),
  },
}
const foreign = defineStep({ name: 'Foreign', args: foreignSchema, run })

const { stepping, tm } = fakeApp({ steps: [order, text, anything, slow, foreign] })

describe('adding steps', () => {
  it('keeps their order and repeats', async () => {
    await stepping
      .createJob()
      .addStep(sendMail)
      .addStep(shipOrder, { orderId: '1' })
      .addStep(sendMail)
      .start()
    expect(tm.jobsBy('submit').at(-1)?.steps).toEqual([
      { name: 'SendMail' },
      { name: 'ShipOrder', args: '{"orderId":"1"}' },
      { name: 'SendMail' },
    ])
  })

  it('encodes their args at once, so that a later change of the object counts for nothing', async () => {
    const args = { orderId: '1' }
    const job = stepping.createJob().addStep(shipOrder, args)
    args.orderId = '2'
    await job.start()
    expect(tm.jobsBy('submit').at(-1)?.steps[0]?.args).toBe('{"orderId":"1"}')
  })

  it('refuses a step that the app did not register', () => {
    const stranger = defineStep({ name: 'Stranger', run })
    expect(() => stepping.createJob().addStep(stranger)).toThrow(
      expect.objectContaining({ code: 'STEP_UNKNOWN' }),
    )
  })

  it('refuses args that do not fit the schema, by step and path', () => {
    expect(() => stepping.createJob({ gid: 'g1' }).addStep(order, { sku: '' })).toThrow(
      expect.objectContaining({
        code: 'ARGS_INVALID',
        gid: 'g1',
        message: expect.stringMatching(/step Order: sku: /),
      }),
    )
  })

  it('refuses args for a step that takes none', () => {
    const loose = sendMail as Step<unknown>
    expect(() => stepping.createJob().addStep(loose, { to: 'ada' })).toThrow(
      expect.objectContaining({ code: 'ARGS_INVALID' }),
    )
  })

  it('refuses to leave out args that a step takes', () => {
    const loose = order as Step<unknown>
    expect(() => stepping.createJob().addStep(loose)).toThrow(
      expect.objectContaining({ code: 'ARGS_INVALID' }),
    )
  })

  it('refuses args that JSON would change, by step and path', () => {
    expect(() => stepping.createJob().addStep(anything, { at: new Date(0) })).toThrow(
      expect.objectContaining({
        code: 'ARGS_NOT_JSON',
        message: expect.stringMatching(/step Anything .*\$\.at/),
      }),
    )
  })

  it('leaves the job as it was when it refuses', async () => {
    const job = stepping.createJob().addStep(sendMail)
    expect(() => job.addStep(order, { sku: '' })).toThrow(/sku/)
    expect(() => job.addStep(anything, { at: new Date(0) })).toThrow(/\$\.at/)
    await job.start()
    expect(tm.jobsBy('submit').at(-1)?.steps).toEqual([{ name: 'SendMail' }])
  })
})

describe('the size of args', () => {
  const quotes = '""'.length

  it('may be one mebibyte of JSON', () => {
    const args = 'x'.repeat(maxArgsBytes - quotes)
    expect(() => stepping.createJob().addStep(text, args)).not.toThrow()
  })

  it('may be no byte more', () => {
    const args = 'x'.repeat(maxArgsBytes - quotes + 1)
    expect(() => stepping.createJob().addStep(text, args)).toThrow(
      expect.objectContaining({ code: 'ARGS_TOO_LARGE' }),
    )
  })

  it('is counted in bytes, not in characters', () => {
    const args = 'ä'.repeat(maxArgsBytes / 2)
    expect(() => stepping.createJob().addStep(text, args)).toThrow(
      expect.objectContaining({ code: 'ARGS_TOO_LARGE' }),
    )
  })
})

describe('a schema that checks asynchronously', () => {
  it('lets good args through', async () => {
    await stepping.createJob().addStep(slow, 'good').start()
    expect(tm.jobsBy('submit').at(-1)?.steps).toEqual([{ name: 'Slow', args: '"good"' }])
  })

  it('has the job refused when it is sent, before anything is sent', async () => {
    const job = stepping.createJob({ gid: 'never-sent' }).addStep(slow, 'bad')
    await expect(job.start()).rejects.toMatchObject({ code: 'ARGS_INVALID', gid: 'never-sent' })
    expect(tm.sent.map((each) => each.job.gid)).not.toContain('never-sent')
  })

  it('has it refused also when its promise is of another kind', async () => {
    const job = stepping.createJob().addStep(foreign, 'bad')
    await expect(job.start()).rejects.toMatchObject({ code: 'ARGS_INVALID' })
  })

  it('does no harm when the job is never sent: the process goes on', async () => {
    const unhandled = vi.fn<(reason: unknown) => void>()
    process.once('unhandledRejection', unhandled)
    stepping.createJob().addStep(slow, 'bad')
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })
})

describe('the record that is sent', () => {
  it('has a gid of its own for each job', () => {
    expect(stepping.createJob().gid).not.toBe(stepping.createJob().gid)
  })

  it('keeps the gid of the caller and says whose it is', async () => {
    await stepping.createJob({ gid: 'message-1' }).addStep(sendMail).start()
    await stepping.createJob().addStep(sendMail).start()
    expect(tm.jobsBy('submit').slice(-2)).toMatchObject([
      { gid: 'message-1', callerGid: true },
      { callerGid: false },
    ])
  })

  it('refuses a gid that some database would change', () => {
    expect(() => stepping.createJob({ gid: 'Message 1' })).toThrow(
      expect.objectContaining({ code: 'GID_INVALID' }),
    )
  })

  it('names the app and ends its window a day after the job was made', async () => {
    const job = stepping.createJob().addStep(sendMail)
    const made = Date.now()
    await job.start()
    const record = tm.jobsBy('submit').at(-1)!
    expect(record.app).toBe('shop')
    expect(Math.abs(record.notAfter - made - safeAge.jobWindowMs)).toBeLessThan(1_000)
  })
})
