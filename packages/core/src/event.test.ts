import { describe, expect, it } from 'vitest'
import { describeError, logEvent, toError } from './event.ts'
import type { SteppingEvent } from './event.ts'
import type { Logger } from './logger.ts'

type Level = keyof Logger

/** What an event prints, as `level: line`. */
function printed(event: SteppingEvent): string[] {
  const lines: string[] = []
  const write =
    (level: Level) =>
    (message: string, fields: object): void => {
      expect(fields).toBe(event)
      lines.push(`${level}: ${message}`)
    }
  logEvent(
    { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    event,
  )
  return lines
}

const error = new Error('connection refused\n    by 10.0.0.7')
const failed = {
  type: 'step.failed',
  gid: 'g1',
  step: 'Ship',
  index: 1,
  attempt: 3,
  error,
} as const

const everyEvent: { [T in SteppingEvent['type']]: [Extract<SteppingEvent, { type: T }>, Level] } = {
  'step.failed': [{ ...failed, retryInMs: 4_000 }, 'warn'],
  'step.unknown': [{ type: 'step.unknown', step: 'Shp', advice: ' Did you mean Ship?' }, 'error'],
  'step.overran': [{ type: 'step.overran', gid: 'g1', step: 'Ship' }, 'warn'],
  'job.finished': [{ type: 'job.finished', gid: 'g1' }, 'debug'],
  'job.rolledBack': [{ type: 'job.rolledBack', gid: 'g1' }, 'debug'],
  'job.missing': [{ type: 'job.missing', gid: 'g1' }, 'error'],
  'job.parked': [{ type: 'job.parked', gid: 'g1', step: 'Ship', error }, 'error'],
  'job.lost': [{ type: 'job.lost', gid: 'g1', error }, 'error'],
  'callback.refused': [{ type: 'callback.refused', reason: 'wrong MAC' }, 'warn'],
  'job.submitDeferred': [{ type: 'job.submitDeferred', gid: 'g1', error }, 'warn'],
  'job.unresolved': [{ type: 'job.unresolved', gid: 'g1', error, retryInMs: 500 }, 'warn'],
  'lease.lost': [{ type: 'lease.lost', gid: 'g1', step: 'Ship' }, 'warn'],
  'store.failed': [{ type: 'store.failed', error }, 'error'],
  'prune.failed': [{ type: 'prune.failed', error }, 'warn'],
  'store.recovered': [{ type: 'store.recovered', afterMs: 12_000 }, 'warn'],
  'start.forgotten': [{ type: 'start.forgotten', gid: 'g1' }, 'warn'],
}

describe('the log', () => {
  it.each(Object.entries(everyEvent))('has one line for %s', (_type, [event, level]) => {
    const lines = printed(event)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(new RegExp(`^${level}: [^\\n]+$`))
  })

  it('leaves out the query and parameters that Drizzle puts into an error', () => {
    const drizzles = Object.assign(new Error('Failed query: insert … params: 4111-1111'), {
      query: 'insert …',
      params: ['4111-1111'],
      cause: new Error('duplicate key'),
    })
    expect(describeError(drizzles)).toBe('duplicate key')
  })

  it('bears a message that is not text', () => {
    expect(describeError(Object.assign(new Error(), { message: { code: 7 } }))).toBe('(object)')
  })

  it('says of a failed attempt which job, step and attempt, why, and when the next one is', () => {
    expect(printed({ ...failed, retryInMs: 4_000 })).toEqual([
      'warn: job g1: step 2 (Ship), attempt 3 failed: connection refused by 10.0.0.7; next try in 4.0 s',
    ])
  })

  it('says of a failed attempt also what caused its error', () => {
    const cause = new Error('connect ECONNREFUSED')
    const event = { ...failed, error: new TypeError('fetch failed', { cause }), retryInMs: null }
    expect(printed(event)[0]).toContain('failed: fetch failed: connect ECONNREFUSED;')
  })

  it('says of a last attempt that there is no other', () => {
    expect(printed({ ...failed, retryInMs: null })[0]).toContain('not tried again')
  })

  it('says of a parked job how to go on with it', () => {
    expect(printed(everyEvent['job.parked'][0])[0]).toContain("stepping.jobs.retry('g1')")
  })

  it('counts long waits in whole seconds', () => {
    expect(printed({ ...failed, retryInMs: 240_400 })[0]).toContain('next try in 240 s')
  })
})

describe('an error in a line of text', () => {
  it('is its message', () => {
    expect(describeError(new Error('no route'))).toBe('no route')
  })

  it('is the first of several when it has no message of its own, as Node reports connections', () => {
    const first = Object.assign(new Error('connect ECONNREFUSED ::1:5432'), {
      code: 'ECONNREFUSED',
    })
    expect(describeError(new AggregateError([first, new Error('other')], ''))).toBe(
      'connect ECONNREFUSED ::1:5432',
    )
  })

  it('is its code when it has no message, also one that is a number', () => {
    expect(describeError(new DOMException('', 'AbortError'))).toBe('20')
    expect(describeError(Object.assign(new Error(''), { code: 'ECONNRESET' }))).toBe('ECONNRESET')
  })

  it('is its name when it has nothing else', () => {
    expect(describeError(new AggregateError([]))).toBe('AggregateError')
    expect(describeError(new TypeError(''))).toBe('TypeError')
  })

  it('is what was thrown when that is no Error', () => {
    expect(describeError('timeout')).toBe('timeout')
    expect(describeError({ status: 500 })).toBe('{"status":500}')
  })

  it('is followed by its cause, without which a failed fetch says nothing', () => {
    const refused = new AggregateError([new Error('connect ECONNREFUSED ::1:80')], '')
    const cause = new TypeError('fetch failed', { cause: refused })
    expect(describeError(cause)).toBe('fetch failed: connect ECONNREFUSED ::1:80')
    expect(describeError(new Error('could not ship', { cause }))).toBe(
      'could not ship: fetch failed: connect ECONNREFUSED ::1:80',
    )
  })

  it('is not followed by a cause that it names itself', () => {
    const cause = new Error('getaddrinfo\n  ENOTFOUND db')
    const text = `cannot be reached: ${describeError(cause)}. Check the address.`
    expect(describeError(new Error(text, { cause }))).toBe(text)
  })

  it('is not followed by a cause that is no Error', () => {
    expect(describeError(new Error('no luck', { cause: { secret: 1 } }))).toBe('no luck')
  })

  it('ends when its causes go round in a circle', () => {
    const circle = new Error('no luck')
    circle.cause = circle
    expect(describeError(circle)).toBe('no luck')
    const twins = [new Error('first'), new Error('second')] as const
    ;[twins[0].cause, twins[1].cause] = [twins[1], twins[0]]
    expect(describeError(twins[0]).length).toBeLessThan(100)
  })

  it('shows no parameters of Drizzle’s that lie behind it, however deep', () => {
    const cause = Object.assign(new Error('params: 4111-1111'), {
      query: 'insert …',
      params: ['4111-1111'],
      cause: new Error('duplicate key'),
    })
    let outer = new Error('could not pay', { cause })
    expect(describeError(outer)).toBe('could not pay: duplicate key')
    for (let depth = 0; depth < 10; depth++) {
      outer = new Error(`step ${depth}`, { cause: outer })
      expect(describeError(outer)).not.toContain('4111')
    }
  })

  it('is cut when it is long', () => {
    expect(describeError(new Error('x'.repeat(100_000)))).toHaveLength(500)
  })
})

describe('what was thrown, as an Error', () => {
  it('is the same Error', () => {
    expect(toError(error)).toBe(error)
  })

  it('has other things as its message', () => {
    expect(toError('timeout')).toEqual(new Error('timeout'))
    expect(toError({ status: 500 })).toEqual(new Error('{"status":500}'))
  })
})
