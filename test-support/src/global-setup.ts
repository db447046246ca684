import type { TestProject } from 'vitest/node'
import { takePostgres } from './databases.ts'

/** What `inject(...)` gives in the database tests. */
export interface ProvidedServers {
  /** A PostgreSQL server shared by all test files; take a database of your own with `freshDatabase`. */
  postgresUrl: string
}

declare module 'vitest' {
  // oxlint-disable-next-line typescript/no-empty-object-type -- merging is the only way to type inject()
  interface ProvidedContext extends ProvidedServers {}
}

/** One server for the whole run of the database tests. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await takePostgres()
  console.log(`PostgreSQL: ${postgres.source}`)
  project.provide('postgresUrl', postgres.url)
  return () => postgres.stop()
}
