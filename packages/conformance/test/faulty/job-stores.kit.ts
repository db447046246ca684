import { describeJobStore } from '@stepping/conformance'
import { jobStoreFaults, storeHarness } from './job-stores.ts'

for (const fault of [{ name: 'healthy' }, ...jobStoreFaults]) describeJobStore(storeHarness(fault))
