import { describeDatabase, describeTransactionManager } from '@stepping/conformance'
import { outbox, overAcme, twoPhases } from './conformance.ts'

describeDatabase(overAcme)
describeTransactionManager(outbox)
describeTransactionManager(twoPhases)
