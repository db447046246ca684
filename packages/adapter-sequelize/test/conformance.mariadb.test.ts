import { describeDatabase } from '@stepping/conformance'
import { overMariadb } from './conformance.ts'

describeDatabase(overMariadb)
