import { describe } from 'vitest'
import { describeByHand } from './by-hand.ts'
import { describeHandles } from './handles.ts'
import type { DatabaseHarness } from './harness.ts'
import { describeIdentities } from './identities.ts'
import { describeLastRows } from './last-rows.ts'
import { describeLostCommits } from './lost-commits.ts'
import { describeMigrations } from './migrations.ts'
import { describeNotAwaited } from './not-awaited.ts'
import { describeOnceRows } from './once-rows.ts'
import { describeOpenTransactions } from './open-transaction.ts'
import { describeOutcomes } from './outcomes.ts'
import { describePruning } from './pruning.ts'
import { databaseCases } from './scene.ts'
import { describeTransactions } from './transactions.ts'
import { describeUsedGids } from './used-gids.ts'

const concerns = {
  outcomes: describeOutcomes,
  'a row that is written last': describeLastRows,
  'a used gid': describeUsedGids,
  'an open transaction': describeOpenTransactions,
  'a transaction': describeTransactions,
  'by hand': describeByHand,
  handles: describeHandles,
  'not awaited': describeNotAwaited,
  'a lost commit': describeLostCommits,
  'the identity': describeIdentities,
  migrate: describeMigrations,
  once: describeOnceRows,
  prune: describePruning,
}

/** What every `Database` has to do, through whichever library and on whichever server. */
export function describeDatabase<Tx>(harness: DatabaseHarness<Tx>): void {
  describe(`database: ${harness.name}`, { timeout: 120_000 }, () => {
    const cases = databaseCases(harness)
    for (const [concern, describeConcern] of Object.entries(concerns)) {
      // oxlint-disable-next-line vitest/valid-title -- named above
      describe(concern, () => {
        describeConcern(cases)
      })
    }
  })
}
