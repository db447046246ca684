import { describeDatabase } from '@stepping/conformance'
import { conformanceOf } from './sqlite-conformance.ts'
import { libsqlFile } from './sqlite-drivers.ts'

describeDatabase(conformanceOf(libsqlFile))
