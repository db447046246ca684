import { describeDatabase } from '@stepping/conformance'
import { drizzleOverMysql2 } from './mysql-conformance.ts'

describeDatabase(drizzleOverMysql2)
