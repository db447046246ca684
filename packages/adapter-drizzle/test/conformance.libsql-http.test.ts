import { describeDatabase } from '@stepping/conformance'
import { libsqlOverHttp } from './sqlite-drivers.ts'

describeDatabase(libsqlOverHttp)
