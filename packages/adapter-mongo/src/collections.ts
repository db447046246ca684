import { SteppingError } from '@stepping/core'

/** The collections of this library in one database. */
export interface Collections {
  readonly prefix: string
  readonly barrier: string
  readonly once: string
  readonly meta: string
  /** A further one beside them, for example the self-TM's. */
  readonly collection: (name: string) => string
}

/** @throws SteppingError `DATABASE_INVALID` for a prefix that MongoDB, or a person, would trip over. */
export function collectionsOf(prefix: string): Collections {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(prefix)) {
    throw new SteppingError(
      'DATABASE_INVALID',
      `The prefix ${JSON.stringify(prefix)} is not usable: take lower-case letters, digits and '_', at most 63.`,
    )
  }
  const collection = (name: string): string => prefix + name
  return {
    prefix,
    barrier: collection('barrier'),
    once: collection('once'),
    meta: collection('meta'),
    collection,
  }
}
