import type { Database } from '@stepping/core'
import { describe } from 'vitest'
import { describeBeginAndCommit } from './begin-and-commit.ts'
import { describeEnlisting } from './enlisting.ts'
import type { TransactionManagerHarness } from './harness.ts'
import { describeInATransaction } from './in-a-transaction.ts'
import { describeLifecycle } from './lifecycle.ts'
import { describeQueryPrepared } from './query-prepared.ts'
import { describeRunning } from './running.ts'
import { managerCases } from './scene.ts'
import { describeSending } from './sending.ts'
import { describeWithoutATransaction } from './without-a-transaction.ts'
import { describeYourOwnTransaction } from './your-own-transaction.ts'

const concerns = {
  sending: describeSending,
  enlisting: describeEnlisting,
  'query prepared': describeQueryPrepared,
  running: describeRunning,
  lifecycle: describeLifecycle,
  'without a transaction': describeWithoutATransaction,
  'in a transaction': describeInATransaction,
  'your own transaction': describeYourOwnTransaction,
  'begin and commit': describeBeginAndCommit,
}

/** What every transaction manager has to do, by itself and for apps, with the databases they have. */
export function describeTransactionManager<Tx, D extends Database<Tx> = Database<Tx>>(
  harness: TransactionManagerHarness<Tx, D>,
): void {
  describe(
    `transaction manager: ${harness.name}, data in ${harness.data.name}`,
    { timeout: 60_000 },
    () => {
      const cases = managerCases(harness)
      for (const [concern, describeConcern] of Object.entries(concerns)) {
        // oxlint-disable-next-line vitest/valid-title -- named above
        describe(concern, () => {
          describeConcern(cases)
        })
      }
    },
  )
}
