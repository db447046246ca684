import { describeDatabase } from '@stepping/conformance'
import { nodePostgres } from './conformance.ts'

describeDatabase(nodePostgres)
