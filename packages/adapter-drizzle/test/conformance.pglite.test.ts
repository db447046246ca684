import { describeDatabase } from '@stepping/conformance'
import { pglite } from './conformance.ts'

describeDatabase(pglite)
