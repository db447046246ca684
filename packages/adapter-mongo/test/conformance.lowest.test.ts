import { describeDatabase } from '@stepping/conformance'
import { lowest } from './conformance.ts'

describeDatabase(lowest)
