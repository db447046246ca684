import { describeJobStore } from '../../conformance/src/index.ts'
import { openSqlite } from './sqlite-store.ts'

describeJobStore({ name: 'SQLite, through Drizzle and better-sqlite3', open: () => openSqlite() })
