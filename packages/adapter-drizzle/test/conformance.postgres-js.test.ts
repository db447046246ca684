import { describeDatabase, describeTransactionManager } from '@stepping/conformance'
import { outbox, postgresJs, twoPhases } from './conformance.ts'

describeDatabase(postgresJs)
describeTransactionManager(outbox(postgresJs))
describeTransactionManager(twoPhases(postgresJs))
