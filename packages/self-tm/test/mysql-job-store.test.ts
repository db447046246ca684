import { describeJobStore } from '../../conformance/src/index.ts'
import { useMysql } from './mysql-store.ts'

const { open } = useMysql()

describeJobStore({ name: 'MySQL or MariaDB, through mysql2', open: () => open() })
