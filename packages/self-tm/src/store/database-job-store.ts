import type { AnySqlDatabase } from '@stepping/sql'
import type { JobStore } from './job-store.ts'
import { mongoJobStore } from './mongo/mongo-job-store.ts'
import { isMongoDatabase } from './mongo/mongo-database.ts'
import type { AnyMongoDatabase } from './mongo/mongo-database.ts'
import { sqlJobStore } from './sql-job-store.ts'
import type { SqlJobStoreOptions } from './sql-job-store.ts'

/** The job store in a database of the app, whatever that speaks. */
export function databaseJobStore(
  database: AnySqlDatabase | AnyMongoDatabase,
  options: SqlJobStoreOptions = {},
): JobStore {
  return isMongoDatabase(database)
    ? mongoJobStore(database, options)
    : sqlJobStore(database, options)
}
