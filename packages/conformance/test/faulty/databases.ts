import { barrierFaults } from './barriers.ts'
import { otherRowsFaults } from './other-rows.ts'
import type { DatabaseFault } from './plain-postgres.ts'
import { transactionFaults } from './transactions.ts'

export const databaseFaults: readonly DatabaseFault[] = [
  ...barrierFaults,
  ...transactionFaults,
  ...otherRowsFaults,
]
