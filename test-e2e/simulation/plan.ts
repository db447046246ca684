import type { Random } from './random.ts'
import type { Theme } from './weather.ts'
import type { DatabaseName, StepName, StepPlan } from './steps.ts'

export type Form = 'alone' | 'transaction' | 'byHand' | 'start'

/** One job that somebody wants done, and all that its code and its transaction do. */
export interface JobPlan {
  /** The same for a message that is delivered again. */
  readonly origin: number
  readonly atMs: number
  readonly form: Form
  readonly database: DatabaseName
  /** A gid of the caller's own, which other jobs may have too. */
  readonly gid?: string
  readonly steps: readonly { readonly name: StepName; readonly plan: StepPlan }[]
  /** How long the transaction stays open before the job is tied to it, and after. */
  readonly openMs: number
  readonly tiedMs: number
  /** How it ends when nothing goes wrong. */
  readonly ending: 'commit' | 'throw' | 'rollback to savepoint'
  /** By hand: so often `submit` is called; `early` before the commit. */
  readonly submits: number
  readonly submitsEarly: boolean
}

/** What the jobs of one schedule are like: shares of all steps, and of all jobs. */
interface Character {
  readonly long: number
  readonly failing: number
  readonly once: number
  readonly alone: number
  /** With a gid of the caller's. */
  readonly named: number
}

function drawCharacter(random: Random, theme: Theme): Character {
  switch (theme) {
    case 'leases':
      return { long: 0.6, failing: 0.05, once: random.pick([0, 0.2]), alone: 0.5, named: 0.05 }
    case 'transactions':
      return {
        long: random.pick([0.03, 0.4]),
        failing: 0.1,
        once: random.pick([0, 0.3]),
        alone: 0.1,
        named: random.pick([0.4, 0.8]),
      }
    case 'ages':
      return { long: 0.3, failing: 0.1, once: 0.5, alone: 0.5, named: 0 }
    case 'anything':
      return {
        long: random.pick([0.1, 0.6]),
        failing: random.pick([0.1, 0.5]),
        once: random.pick([0, 0.2, 0.6]),
        alone: 0.2,
        named: 0.2,
      }
  }
}

/** Steps that outlast a lease have to have it renewed. */
const longStepMs = [3_000, 25_000] as const

/** Of the messages that some jobs are for: their gids are the callers' own. */
const messages: readonly string[] = ['message-1', 'message-2']

export function isOfMessage(gid: string): boolean {
  return messages.includes(gid)
}

export function drawJobs(random: Random, theme: Theme, untilMs: number): JobPlan[] {
  const character = drawCharacter(random, theme)
  const jobs: JobPlan[] = []
  for (let left = random.whole(2, 8); left > 0; left--) {
    const job = { ...drawJob(random, character, untilMs), origin: jobs.length }
    // A message that is delivered twice makes the same job twice.
    const first = jobs.find(({ gid }) => gid !== undefined && gid === job.gid)
    const isRepeat = first && random.chance(0.5)
    const { origin, steps, database } = first ?? job
    const form = steps.length > 0 ? job.form : 'transaction'
    // Often while the first one is still being handled.
    const atMs = first && random.chance(0.5) ? first.atMs + random.magnitude(1, 2_000) : job.atMs
    jobs.push(isRepeat ? { ...job, atMs, origin, steps, database, form } : { ...job, atMs })
  }
  return jobs
}

function drawJob(random: Random, character: Character, untilMs: number): Omit<JobPlan, 'origin'> {
  const { alone, named } = character
  const longOpen = random.chance(0.15)
  const form = random.chance(alone)
    ? 'alone'
    : random.pick<Form>(['transaction', 'transaction', 'byHand', 'start'])
  // A transaction without steps uses its gid up all the same.
  const hasSteps = form !== 'transaction' || random.chance(0.9)
  return {
    atMs: random.between(0, untilMs),
    form,
    database: random.pick(['orders', 'ledger']),
    ...(random.chance(named) && { gid: random.pick(messages) }),
    steps: Array.from({ length: hasSteps ? random.whole(1, 3) : 0 }, () => ({
      name: random.chance(0.15) ? 'Newer' : 'Work',
      plan: drawStep(random, character),
    })),
    openMs: random.magnitude(0.1, 500),
    tiedMs: longOpen ? random.magnitude(5_000, 25_000) : random.magnitude(0.1, 100),
    ending: random.chance(0.85) ? 'commit' : random.pick(['throw', 'rollback to savepoint']),
    submits: random.whole(0, 3),
    submitsEarly: random.chance(0.2),
  }
}

function drawStep(random: Random, character: Character, depth = 0): StepPlan {
  const { long, failing, once } = character
  const usesOnce = random.chance(once)
  const hasChild = usesOnce && depth === 0 && random.chance(0.3)
  return {
    takesMs: random.chance(long) ? random.between(...longStepMs) : random.magnitude(0.5, 500),
    fails: random.chance(failing) ? random.whole(1, 3) : 0,
    hangs: random.chance(0.05) ? 1 : 0,
    obeys: random.chance(0.6),
    ...(random.chance(0.04) && { parks: random.pick(['by itself', 'by poison'] as const) }),
    ...(usesOnce && {
      once: {
        database: random.pick(['orders', 'ledger'] as const),
        again: random.chance(0.2),
        ...(hasChild && { child: drawStep(random, character, 1) }),
      },
    }),
  }
}
