import { describeDatabase } from '@stepping/conformance'
import { libsqlOverWebSockets } from './sqlite-drivers.ts'

describeDatabase(libsqlOverWebSockets)
