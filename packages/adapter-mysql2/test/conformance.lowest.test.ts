import { describeDatabase } from '@stepping/conformance'
import { createPool } from 'mysql2-lowest/promise'
import { harnessOver } from './conformance.ts'

describeDatabase(harnessOver('mysql2 3.0', createPool))
