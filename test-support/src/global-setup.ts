import type { TestProject } from 'vitest/node'
import { takeMongo, takeMysql, takePostgres } from './databases.ts'
import { describeMysql } from './fresh-mysql-database.ts'

/** What `inject(...)` gives in the database tests. */
export interface ProvidedServers {
  /** A PostgreSQL server shared by all test files; take a database of your own with `freshDatabase`. */
  postgresUrl: string
  /** The same of MySQL or MariaDB, with `freshMysqlDatabase`. */
  mysqlUrl: string
  /** The same of a MongoDB replica set, with `freshMongoDatabase`. */
  mongoUrl: string
}

declare module 'vitest' {
  // oxlint-disable-next-line typescript/no-empty-object-type -- merging is the only way to type inject()
  interface ProvidedContext extends ProvidedServers {}
}

/** One server of each product for the whole run of the database tests. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, mysql, mongo] = await Promise.all([takePostgres(), takeMysql(), takeMongo()])
  console.log(`PostgreSQL: ${postgres.source}`)
  console.log(`${await describeMysql(mysql.url)}: ${mysql.source}`)
  console.log(`MongoDB: ${mongo.source}`)
  project.provide('postgresUrl', postgres.url)
  project.provide('mysqlUrl', mysql.url)
  project.provide('mongoUrl', mongo.url)
  return async () => {
    await Promise.all([postgres.stop(), mysql.stop(), mongo.stop()])
  }
}
