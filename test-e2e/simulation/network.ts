import { SteppingError } from '@stepping/core'
import { DatabaseError } from './database-server.ts'
import type { Machine } from './machine.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Trace } from './trace.ts'
import { calm } from './weather.ts'
import type { Weather } from './weather.ts'

/** What becomes of one request. Times count from its sending; undefined means never. */
interface Fate {
  readonly arrivesMs: number | undefined
  /** After the server is done with it, or, for an error, after the sending. */
  readonly answersMs: number
  readonly answer: 'result' | 'error'
}

export const endings = ['refused', 'answerLost', 'late', 'silent'] as const

type Ending = (typeof endings)[number] | 'answered'

/** What happens to requests of one machine to a server, or about something, more than to others. */
export interface Trouble {
  readonly machine: Machine
  readonly about: string
  readonly ending: Ending
  readonly share: number
  readonly untilMs: number
}

/** A dead connection is noticed at last. */
const silenceMs = 900_000

export interface Request<R> {
  readonly from: Machine
  readonly to: string
  readonly what: string
  /** What the server does when it arrives. */
  readonly serve: () => Promise<R>
}

/** Carries requests of machines to servers, or does not. */
export class Network {
  weather: Weather = calm
  /** Told at each request, when it is sent, when it was served and when its answer arrives. */
  onRequest: (machine: Machine, server: string) => void = () => {}
  /** Requests that arrive when everybody has forgotten them. */
  readonly held: (() => void)[] = []
  /** Nothing goes wrong any more. */
  isMended = false
  holdsBack = false
  /** How many requests still arrive although their senders were told that they failed. */
  late = 0
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #trace: Trace
  readonly #troubles: Trouble[] = []
  readonly #ownErrors = new WeakSet<object>()

  constructor(scheduler: Scheduler, random: Random, trace: Trace) {
    this.#scheduler = scheduler
    this.#random = random
    this.#trace = trace
  }

  /** Requests that fit end like this for a time, or often. */
  trouble(trouble: Trouble): void {
    this.#trace.write(
      () => `trouble: ${JSON.stringify({ ...trouble, machine: trouble.machine.name })}`,
    )
    this.#troubles.push(trouble)
  }

  /** Nobody knows what became of the request, unlike after a server's own refusal. */
  isConnectionError(error: unknown): boolean {
    return this.#ownErrors.has(error as object)
  }

  /** Everything arrives from now on. */
  mend(): void {
    this.weather = calm
    this.isMended = true
    this.holdsBack = false
    this.#troubles.length = 0
  }

  async send<R>({ from, to, what, serve }: Request<R>): Promise<R> {
    const fate = this.#fate(from, to, what.split(' ', 1)[0]!)
    const described = (how: string): string => `${from.name} -> ${to}: ${what} ${how}`
    this.onRequest(from, to)
    return await new Promise<R>((resolve, reject) => {
      if (fate.answer === 'error') {
        from.receive(fate.answersMs, () => {
          this.#trace.write(() => described('is answered by an error of the connection'))
          reject(this.connectionError())
        })
      }
      const arrive = (): void => {
        // What a dying machine had not sent yet is gone with it.
        if (!from.isAlive && this.#random.chance(0.5)) return
        this.#trace.write(() => described('arrives'))
        const answer = (end: () => void): void => {
          this.onRequest(from, to)
          if (fate.answer === 'result') from.receive(fate.answersMs, end)
        }
        serve().then(
          (result) => answer(() => resolve(result)),
          (error: unknown) => {
            this.#trace.write(() => described(`is refused: ${String(error)}`))
            answer(() => reject(error))
          },
        )
      }
      if (fate.arrivesMs === undefined) return
      if (fate.arrivesMs === Infinity) return void this.held.push(arrive)
      const isLate = fate.answer === 'error' && fate.arrivesMs > fate.answersMs
      if (isLate) this.late++
      this.#scheduler.after(fate.arrivesMs, () => {
        if (isLate) this.late--
        arrive()
      })
    })
  }

  #fate(from: Machine, to: string, subject: string): Fate {
    const random = this.#random
    const { slow, stalled } = this.weather
    const trouble = this.#troubles.find(
      (each) =>
        each.machine === from &&
        (each.about === to || each.about === subject) &&
        each.untilMs > this.#scheduler.nowMs &&
        random.chance(each.share),
    )
    const arrivesMs = this.#latency(slow, stalled)
    const answersMs = this.#latency(slow, stalled)
    const ending = trouble?.ending ?? this.#drawEnding()
    // What fails does so at once, or after somebody's timeout.
    const failsMs = (): number => random.pick([answersMs, random.magnitude(10, 8_000)])
    switch (ending) {
      case 'refused':
        return { arrivesMs: undefined, answersMs: failsMs(), answer: 'error' }
      case 'answerLost':
        return { arrivesMs, answersMs: arrivesMs + failsMs(), answer: 'error' }
      case 'late': {
        const holdBack = this.holdsBack && random.chance(0.5)
        const lateMs = holdBack ? Infinity : random.magnitude(20, 20_000)
        return { arrivesMs: lateMs, answersMs: Math.min(lateMs / 2, failsMs()), answer: 'error' }
      }
      case 'silent':
        return {
          arrivesMs: random.chance(0.5) ? arrivesMs : undefined,
          answersMs: silenceMs,
          answer: 'error',
        }
      case 'answered':
        return { arrivesMs, answersMs, answer: 'result' }
    }
  }

  #drawEnding(): Ending {
    let draw = this.#random.next()
    return endings.find((ending) => (draw -= this.weather[ending]) < 0) ?? 'answered'
  }

  #latency(slow: number, stalled: number): number {
    const random = this.#random
    if (random.chance(stalled)) return random.magnitude(500, 20_000)
    if (random.chance(slow)) return random.magnitude(5, 500)
    return random.between(0.2, 3)
  }

  connectionError(): Error {
    const error = this.#random.chance(0.5)
      ? new DatabaseError('connection lost')
      : new SteppingError('DATABASE_UNREACHABLE', 'The database does not answer.')
    this.#ownErrors.add(error)
    return error
  }
}
