import { describeTransactionManager } from '@stepping/conformance'
import { managerHarness, transactionManagerFaults } from './transaction-managers.ts'

const serverUrl = process.env['STEPPING_TEST_POSTGRES_URL']!
for (const fault of [{ name: 'healthy' }, ...transactionManagerFaults]) {
  describeTransactionManager(managerHarness(serverUrl, fault))
}
