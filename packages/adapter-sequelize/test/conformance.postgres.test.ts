import { describeDatabase } from '@stepping/conformance'
import { onPostgres } from './conformance.ts'

describeDatabase(onPostgres)
