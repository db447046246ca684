import { describeDatabase } from '@stepping/conformance'
import { postgresJs } from './conformance.ts'

describeDatabase(postgresJs)
