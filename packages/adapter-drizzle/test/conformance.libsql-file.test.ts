import { describeDatabase } from '@stepping/conformance'
import { libsqlFile } from './sqlite-drivers.ts'

describeDatabase(libsqlFile)
