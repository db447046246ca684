import { describeDatabase } from '@stepping/conformance'
import { databaseFaults } from './databases.ts'
import { plainHarness } from './plain-postgres.ts'

const serverUrl = process.env['STEPPING_TEST_POSTGRES_URL']!
for (const fault of [{ name: 'healthy' }, ...databaseFaults]) {
  describeDatabase(plainHarness(serverUrl, fault))
}
