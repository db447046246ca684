import { SteppingError } from './errors.ts'
import { invalidOption } from './option.ts'
import { printValue } from './print-value.ts'
import { isStep } from './step.ts'
import type { AnyStep } from './step.ts'

const aStep = 'what defineStep returned (which an import cycle leaves undefined)'

/** The steps an app knows, by name and alias. */
export class StepRegistry {
  readonly #byName = new Map<string, AnyStep<never>>()

  /** @throws SteppingError `STEP_DUPLICATE` when two steps claim one name, `OPTIONS_INVALID` for what is no step. */
  constructor(steps: readonly AnyStep<never>[]) {
    for (const step of new Set(steps)) {
      if (!isStep(step)) throw invalidOption('createStepping', 'one of steps', step, aStep)
      for (const name of [step.name, ...step.aliases]) {
        if (this.#byName.has(name)) {
          throw new SteppingError(
            'STEP_DUPLICATE',
            `Two steps are registered under the name ${name}. Stored jobs name their steps, so each name belongs to one step: rename one of them.`,
          )
        }
        this.#byName.set(name, step)
      }
    }
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()]
  }

  /** @throws SteppingError `STEP_UNKNOWN` for a name that no step has. */
  get(name: string): AnyStep<never> {
    const step = this.#byName.get(name)
    if (step) return step
    throw new SteppingError(
      'STEP_UNKNOWN',
      `No step is registered under the name ${name}.${hint(name, this.names)}`,
    )
  }

  /** @throws SteppingError `STEP_UNKNOWN` for a step that was not given to `createStepping`. */
  assertRegistered(step: AnyStep<never>): void {
    if (!isStep(step)) {
      throw new SteppingError(
        'STEP_UNKNOWN',
        `addStep was given ${printValue(step)}, it takes ${aStep}.`,
      )
    }
    const found = this.#byName.get(step.name)
    if (found === step) return
    throw new SteppingError(
      'STEP_UNKNOWN',
      found
        ? `The step ${step.name} is not the one that is registered under this name. Import the same definition in both places.`
        : `The step ${step.name} is not registered: add it to createStepping({ steps: [...] }).`,
    )
  }
}

/** ` Did you mean X?` for a name within two typing errors of a known one, else nothing. */
export function hint(name: string, known: readonly string[]): string {
  const near = known
    .map((each) => ({ each, distance: editDistance(name.toLowerCase(), each.toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.min(2, Math.floor(name.length / 3)))
    .toSorted((a, b) => a.distance - b.distance)[0]
  return near ? ` Did you mean ${near.each}?` : ''
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
