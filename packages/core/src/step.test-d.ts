import * as v from 'valibot'
import { expectTypeOf } from 'vitest'
import { z } from 'zod'
import { createStepping } from './stepping.ts'
import type { Stepping } from './stepping.ts'
import { unchecked } from './standard-schema.ts'
import { parkJob, retryLater } from './step-ending.ts'
import { defineStep, stepsFor } from './step.ts'
import type { OnceResult, Step } from './step.ts'
import type { Database } from './db-context.ts'
import type { TransactionManager } from './transaction-manager.ts'

declare const stepping: Stepping
declare const tm: TransactionManager
const job = stepping.createJob()
const run = (): void => {}

export function aStepWithoutArgs(): void {
  const send = defineStep({
    name: 'Send',
    run({ args, gid, index, attempt, idempotencyKey, signal }) {
      expectTypeOf(args).toEqualTypeOf<void>()
      expectTypeOf([gid, idempotencyKey]).toEqualTypeOf<string[]>()
      expectTypeOf([index, attempt]).toEqualTypeOf<number[]>()
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
    },
  })
  expectTypeOf(send).toEqualTypeOf<Step<void, unknown>>()
  job.addStep(send)
  // @ts-expect-error it takes no args
  job.addStep(send, {})
}

export function aStepWithAZodSchema(): void {
  const create = defineStep({
    name: 'Create',
    args: z.object({ sku: z.string(), count: z.number().default(1) }),
    run({ args }) {
      expectTypeOf(args).toEqualTypeOf<{ sku: string; count: number }>()
    },
  })
  expectTypeOf(create).toEqualTypeOf<Step<{ sku: string; count?: number | undefined }, unknown>>()
  job.addStep(create, { sku: 'A1' }).addStep(create, { sku: 'A1', count: 2 })
  // @ts-expect-error it takes args
  job.addStep(create)
  // @ts-expect-error sku is missing
  job.addStep(create, { count: 2 })
  // @ts-expect-error sku is a string
  job.addStep(create, { sku: 7 })
  // @ts-expect-error there is no such property
  job.addStep(create, { sku: 'A1', colour: 'red' })
  // @ts-expect-error a step takes one value
  job.addStep(create, { sku: 'A1' }, { sku: 'A2' })
}

export function aStepWithAValibotSchema(): void {
  const create = defineStep({
    name: 'Create',
    args: v.object({ sku: v.string(), count: v.optional(v.number(), 1) }),
    run({ args }) {
      expectTypeOf(args).toEqualTypeOf<{ sku: string; count: number }>()
    },
  })
  job.addStep(create, { sku: 'A1' })
  // @ts-expect-error sku is a string
  job.addStep(create, { sku: 7 })
  // @ts-expect-error it takes args
  job.addStep(create)
}

export function aSchemaThatTransforms(): void {
  const schedule = defineStep({
    name: 'Schedule',
    args: z.object({ at: z.string().transform((text) => new Date(text)) }),
    run({ args }) {
      expectTypeOf(args).toEqualTypeOf<{ at: Date }>()
    },
  })
  job.addStep(schedule, { at: '2026-01-02' })
  // @ts-expect-error the input is stored, not what the schema makes of it
  job.addStep(schedule, { at: new Date() })
}

export function argsThatMayBeLeftOut(): void {
  const optional = defineStep({ name: 'Optional', args: z.string().optional(), run })
  job.addStep(optional).addStep(optional, 'x').addStep(optional, undefined)
  // @ts-expect-error it takes a string
  job.addStep(optional, 7)

  const anything = defineStep({ name: 'Anything', args: z.any(), run })
  job
    .addStep(anything)
    .addStep(anything, 7)
    .addStep(anything, { a: [1] })
}

export function argsWithoutACheck(): void {
  const ship = defineStep({
    name: 'Ship',
    args: unchecked<{ orderId: string }>(),
    run({ args }) {
      expectTypeOf(args).toEqualTypeOf<{ orderId: string }>()
    },
  })
  job.addStep(ship, { orderId: '1' })
  // @ts-expect-error it takes args
  job.addStep(ship)
  // @ts-expect-error there is no such property
  job.addStep(ship, { orderId: '1', colour: 'red' })
}

export function aWrongStep(): void {
  // @ts-expect-error the definition, not its name
  job.addStep('Send')
  // @ts-expect-error made by defineStep, not by hand
  job.addStep({ name: 'Send', run })
  // @ts-expect-error a step has a name
  defineStep({ run })
  // @ts-expect-error a step has something to run
  defineStep({ name: 'Send' })
  // @ts-expect-error a schema, not an example of the args
  defineStep({ name: 'Send', args: { sku: '' }, run })
}

interface Mailer {
  send(to: string): Promise<void>
}

export function servicesOfSteps(): void {
  const steps = stepsFor<{ mailer: Mailer }>()
  const mail = steps.defineStep({
    name: 'Mail',
    args: z.object({ to: z.string() }),
    async run({ args, services }) {
      expectTypeOf(services).toEqualTypeOf<{ mailer: Mailer }>()
      await services.mailer.send(args.to)
    },
  })
  const plain = defineStep({ name: 'Plain', run })
  const mailer: Mailer = { send: async () => {} }
  job.addStep(mail, { to: 'ada' })

  createStepping({ app: 'shop', tm, steps: [mail, plain], services: { mailer } })
  createStepping({ app: 'shop', tm, steps: [plain] })
  createStepping({ app: 'shop', tm, steps: [] })
  createStepping({ app: 'shop', tm, steps: [mail, plain], execute: false })
  // @ts-expect-error who may run steps has their services
  createStepping({ app: 'shop', tm, steps: [mail, plain], execute: true })
  // @ts-expect-error a step needs services
  createStepping({ app: 'shop', tm, steps: [mail] })
  // @ts-expect-error a step needs services, whichever is first
  createStepping({ app: 'shop', tm, steps: [plain, mail] })
  // @ts-expect-error a step needs another service
  createStepping({ app: 'shop', tm, steps: [mail], services: { printer: mailer } })

  const { defineStep: definePrint } = stepsFor<{ printer: string }>()
  const print = definePrint({ name: 'Print', run })
  createStepping({ app: 'shop', tm, steps: [mail, print], services: { mailer, printer: 'lp0' } })
  // @ts-expect-error another step needs another service
  createStepping({ app: 'shop', tm, steps: [mail, print], services: { mailer } })
}

export function whatOnceReturns(database: Database<{ sql: string }>): void {
  defineStep({
    name: 'Pay',
    async run({ once }) {
      const paid = await once(database, async (tx, inner) => {
        expectTypeOf(tx).toEqualTypeOf<{ sql: string }>()
        inner.addStep(defineStep({ name: 'Send', run }))
        // @ts-expect-error it is started by the commit
        await inner.start()
        return { id: 7 }
      })
      expectTypeOf(paid).toEqualTypeOf<OnceResult<{ id: number }>>()
      const nothing = await once(database, async () => {}, { key: 'second' })
      expectTypeOf(nothing.value).toEqualTypeOf<void>()
      // @ts-expect-error a key is a string
      await once(database, async () => {}, { key: 7 })
    },
  })
}

export function howAStepEnds(paid: boolean | undefined): void {
  defineStep({
    name: 'Pay',
    run() {
      if (paid === undefined) return retryLater(1_000)
      if (!paid) parkJob('account closed')
      expectTypeOf(paid).toEqualTypeOf<true>()
      throw parkJob('account closed', { cause: new Error('closed') })
    },
  })
  expectTypeOf(parkJob).returns.toEqualTypeOf<never>()
  expectTypeOf(retryLater).returns.toEqualTypeOf<never>()
  // @ts-expect-error a time is a number
  retryLater('1s')
}
