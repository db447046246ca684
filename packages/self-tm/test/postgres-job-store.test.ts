import { describeJobStore } from '../../conformance/src/index.ts'
import { usePostgres } from './postgres-store.ts'

const { open } = usePostgres()

describeJobStore({ name: 'PostgreSQL, through Drizzle and node-postgres', open: () => open() })
