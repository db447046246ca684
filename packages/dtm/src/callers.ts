import { SteppingError } from '@stepping/core'
import { hmacSigner } from './signature.ts'
import type { Signer } from './signature.ts'

/** A program in another language, with a key of its own, that may have DTM call some of our steps. */
export interface CallerOptions {
  /** As `DtmOptions.secrets`, and none of those. */
  readonly secrets: readonly string[]
  /** The names of the steps that it may call. */
  readonly steps: readonly string[]
}

export interface Caller {
  readonly name: string
  readonly signer: Signer
  readonly steps: ReadonlySet<string>
}

/** By the name that a caller gives in the URL, as `key`. */
export type Callers = ReadonlyMap<string, Caller>

/** It is in the keys of rows, behind a stroke; see `onceOwner`. */
const aName = /^[\w.-]{1,64}$/

/** @throws SteppingError `OPTIONS_INVALID` */
export function callersOf(
  owner: string,
  options: Readonly<Record<string, CallerOptions>>,
  own: readonly string[],
): Callers {
  const callers = new Map<string, Caller>()
  for (const [name, { secrets, steps }] of Object.entries(options)) {
    if (!aName.test(name)) {
      throw new SteppingError(
        'OPTIONS_INVALID',
        `${owner}: callers has ${JSON.stringify(name)}. The name of a caller is 1 to 64 letters, digits and _ . -`,
      )
    }
    const signer = hmacSigner(`${owner}: callers.${name}`, secrets)
    if (secrets.some((secret) => own.includes(secret))) {
      throw new SteppingError(
        'OPTIONS_INVALID',
        `${owner}: callers.${name} has one of this app's own secrets, by which it could call every step. Give it its own.`,
      )
    }
    callers.set(name, { name, signer, steps: new Set(steps) })
  }
  return callers
}
