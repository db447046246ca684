import { describeDatabase } from '@stepping/conformance'
import { createPool } from 'mysql2/promise'
import { harnessOver } from './conformance.ts'

describeDatabase(harnessOver('mysql2', createPool))
