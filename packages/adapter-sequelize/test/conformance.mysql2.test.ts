import { describeDatabase } from '@stepping/conformance'
import { overMysql2 } from './conformance.ts'

describeDatabase(overMysql2)
