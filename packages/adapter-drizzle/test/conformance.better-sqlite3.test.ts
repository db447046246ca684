import { describeDatabase } from '@stepping/conformance'
import { betterSqlite3 } from './sqlite-drivers.ts'

describeDatabase(betterSqlite3)
