import { describeDatabase } from '@stepping/conformance'
import { conformanceOf } from './sqlite-conformance.ts'
import { libsqlOverHttp } from './sqlite-drivers.ts'

describeDatabase(conformanceOf(libsqlOverHttp))
