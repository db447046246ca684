import { describeDatabase } from '@stepping/conformance'
import { conformanceOf } from './sqlite-conformance.ts'
import { betterSqlite3 } from './sqlite-drivers.ts'

describeDatabase(conformanceOf(betterSqlite3))
