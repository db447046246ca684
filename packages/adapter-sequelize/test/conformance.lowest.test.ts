import { describeDatabase } from '@stepping/conformance'
import { onLowest } from './conformance.ts'

describeDatabase(onLowest)
