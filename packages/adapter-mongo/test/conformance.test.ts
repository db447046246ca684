import { describeDatabase } from '@stepping/conformance'
import { driver } from './conformance.ts'

describeDatabase(driver)
