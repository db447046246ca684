import type { Collections } from './collections.ts'
import type { Command } from './command.ts'

/** The collections of one component. Every command may be repeated. */
export interface MigrationSet {
  readonly component: string
  readonly version: number
  commands(collections: Collections, identity: string): readonly Command[]
}

export const uniqueBarrier: object = { gid: 1, branch_id: 1, op: 1, barrier_id: 1 }

/**
 * Compares the identity that our statements write along: one statement is then refused by a
 * database that is not the one it was meant for. Rows of DTM's clients have none.
 */
export function barrierValidator(identity: string): object {
  return {
    $expr: {
      $or: [{ $eq: [{ $type: '$identity' }, 'missing'] }, { $eq: ['$identity', identity] }],
    },
  }
}

export const schema: MigrationSet = {
  component: 'stepping',
  version: 1,
  commands: ({ barrier, once }, identity) => [
    // With the validator at once, for which the right to create is enough.
    { create: barrier, validator: barrierValidator(identity) },
    // DTM's own fields and unique key, so that its clients in other languages can use the collection.
    {
      createIndexes: barrier,
      indexes: [{ key: uniqueBarrier, name: 'uniq_barrier', unique: true }],
    },
    { create: once },
    {
      createIndexes: once,
      indexes: [{ key: { gid: 1, step: 1, key: 1, owner: 1 }, name: 'uniq_once', unique: true }],
    },
  ],
}
