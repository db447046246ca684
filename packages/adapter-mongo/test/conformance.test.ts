import { describeDatabase, describeTransactionManager } from '@stepping/conformance'
import { newest, outbox, twoPhases } from './conformance.ts'

describeDatabase(newest)
describeTransactionManager(outbox(newest))
describeTransactionManager(twoPhases(newest))
