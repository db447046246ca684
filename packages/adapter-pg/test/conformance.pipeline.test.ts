import { describeDatabase } from '@stepping/conformance'
import { pipelined } from './conformance.ts'

describeDatabase(pipelined)
