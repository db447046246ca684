import { describeDatabase } from '@stepping/conformance'
import { newest } from './conformance.ts'

describeDatabase(newest)
