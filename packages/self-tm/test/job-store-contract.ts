import { describe } from 'vitest'
import { describeClaiming } from './contract/claiming.ts'
import type { JobStoreHarness } from './contract/harness.ts'
import { describeLeases } from './contract/leases.ts'
import { describeLedger } from './contract/ledger.ts'
import { describeSending } from './contract/sending.ts'
import { describeSettling } from './contract/settling.ts'

export type { JobStoreHarness, OpenStore, StoredJob } from './contract/harness.ts'

/** What every job store has to do, whatever it stores jobs in. */
export function describeJobStore(harness: JobStoreHarness): void {
  describe(`job store: ${harness.name}`, () => {
    describe('sending', () => {
      describeSending(harness)
    })
    describe('claiming', () => {
      describeClaiming(harness)
    })
    describe('leases', () => {
      describeLeases(harness)
    })
    describe('settling', () => {
      describeSettling(harness)
    })
    describe('the ledger', () => {
      describeLedger(harness)
    })
  })
}
