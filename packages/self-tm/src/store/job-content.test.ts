import { expect, test } from 'vitest'
import { jobOf, tiedJobOf } from '../../test/jobs.ts'
import {
  assertSameContent,
  assertStillPrepared,
  contentOf,
  decodeDatabase,
  decodeSteps,
  isSentOnce,
} from './job-content.ts'

test('steps are stored as text that a person can read', () => {
  const job = jobOf([], {
    steps: [{ name: 'CreateOrder', args: '{"sku":"A1"}' }, { name: 'SendMail' }],
  })
  expect(contentOf(job).steps).toBe('[["CreateOrder",{"sku":"A1"}],["SendMail"]]')
})

test.each([
  { what: 'nothing', args: undefined },
  { what: 'null', args: 'null' },
  { what: 'an array', args: '[1,[2],{}]' },
  { what: 'text that looks like the encoding', args: String.raw`"],[\"B\"]\\"` },
  { what: 'a NUL and a line end', args: String.raw`"\u0000\n "` },
])('args that are $what are read as they were written', ({ args }) => {
  const steps = [args === undefined ? { name: 'A' } : { name: 'A', args }, { name: 'B' }]
  expect(decodeSteps(contentOf(jobOf([], { steps })).steps)).toEqual(steps)
})

test.each([
  { kind: 'no database', job: jobOf(['A']) },
  { kind: 'a database', job: tiedJobOf(['A']) },
  {
    kind: 'a tenant’s database',
    job: jobOf(['A'], { database: { name: 'orders', tenant: 'acme', identity: 'one' } }),
  },
])('$kind is read as it was written', ({ job }) => {
  expect(decodeDatabase(contentOf(job).database).database).toEqual(job.database)
})

test('a database is the same in whatever order its properties were given', () => {
  const one = jobOf(['A'], { database: { name: 'orders', tenant: 'acme', identity: 'one' } })
  const other = jobOf(['A'], { database: { identity: 'one', tenant: 'acme', name: 'orders' } })
  assertSameContent('a', contentOf(one), contentOf(other))
})

test.each([
  { part: 'list of steps', other: jobOf(['B']) },
  { part: 'app', other: jobOf(['A'], { app: 'market' }) },
  { part: 'database', other: tiedJobOf(['A']) },
])('the conflict with another $part says what is other', ({ part, other }) => {
  expect(() => {
    assertSameContent('a', contentOf(jobOf(['A'])), contentOf(other))
  }).toThrow(
    expect.objectContaining({
      code: 'JOB_CONFLICT',
      gid: 'a',
      message: expect.stringContaining(`another ${part}`),
    }),
  )
})

test.each([
  { state: 'submitted', code: 'JOB_DUPLICATE' },
  { state: 'finished', code: 'JOB_DUPLICATE' },
  { state: 'parked', code: 'JOB_DUPLICATE' },
  { state: 'cancelled', code: 'JOB_DUPLICATE' },
  { state: 'rolledBack', code: 'BARRIER_DECIDED' },
] as const)('a prepare that meets a job which is $state is refused as $code', ({ state, code }) => {
  const job = tiedJobOf(['A'])
  expect(() => assertStillPrepared(job, { ...contentOf(job), state })).toThrow(
    expect.objectContaining({ code, gid: job.gid }),
  )
})

test.each([
  { why: 'in a transaction, with a gid of its own', inTransaction: true, rest: {}, once: true },
  { why: 'outside of a transaction', inTransaction: false, rest: {}, once: false },
  { why: 'with a gid of the caller', inTransaction: true, rest: { callerGid: true }, once: false },
  { why: 'with a barrier row', inTransaction: true, rest: { byHand: true }, once: false },
])(
  'an insert $why can be forgotten when the job is done: $once',
  ({ inTransaction, rest, once }) => {
    expect(isSentOnce(jobOf(['A'], rest), inTransaction)).toBe(once)
  },
)
