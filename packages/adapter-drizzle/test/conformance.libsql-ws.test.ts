import { describeDatabase } from '@stepping/conformance'
import { conformanceOf } from './sqlite-conformance.ts'
import { libsqlOverWebSockets } from './sqlite-drivers.ts'

describeDatabase(conformanceOf(libsqlOverWebSockets))
