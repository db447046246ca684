import { describe } from 'vitest'
import { describeClaiming } from './claiming.ts'
import type { JobStoreHarness } from './harness.ts'
import { describeEnlisting } from './enlisting.ts'
import { describeFinishing } from './finishing.ts'
import { describeHistories } from './histories.ts'
import { describeLeases } from './leases.ts'
import { describeLedger } from './ledger.ts'
import { describeListing } from './listing.ts'
import { describePreparing } from './preparing.ts'
import { describeSettling } from './settling.ts'
import { describeStates } from './states.ts'
import { describeSteering } from './steering.ts'
import { describeSubmitting } from './submitting.ts'

const concerns = {
  preparing: describePreparing,
  submitting: describeSubmitting,
  enlisting: describeEnlisting,
  claiming: describeClaiming,
  leases: describeLeases,
  settling: describeSettling,
  finishing: describeFinishing,
  states: describeStates,
  histories: describeHistories,
  steering: describeSteering,
  'the ledger': describeLedger,
  listing: describeListing,
}

/** What every job store has to do, whatever it stores jobs in. */
export function describeJobStore(harness: JobStoreHarness): void {
  describe(`job store: ${harness.name}`, { timeout: 90_000 }, () => {
    for (const [concern, describeConcern] of Object.entries(concerns)) {
      // oxlint-disable-next-line vitest/valid-title -- named above
      describe(concern, () => {
        describeConcern(harness)
      })
    }
  })
}
