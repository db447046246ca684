import { describeDatabase, describeTransactionManager } from '@stepping/conformance'
import { outbox, nodePostgres, twoPhases } from './conformance.ts'

describeDatabase(nodePostgres)
describeTransactionManager(outbox(nodePostgres))
describeTransactionManager(twoPhases(nodePostgres))
