import { describeJobStore } from './job-store-contract.ts'
import { usePostgres } from './postgres-store.ts'

const { open } = usePostgres()

describeJobStore({ name: 'PostgreSQL, through Drizzle and node-postgres', open: () => open() })
