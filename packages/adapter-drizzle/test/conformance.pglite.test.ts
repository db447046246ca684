import { describeDatabase, describeTransactionManager } from '@stepping/conformance'
import { outbox, pglite, twoPhases } from './conformance.ts'

describeDatabase(pglite)
describeTransactionManager(outbox(pglite))
describeTransactionManager(twoPhases(pglite))
