import { postgres, printMigrations } from '@stepping/sql'
import { migrations } from './store/postgres/migrations.ts'

/**
 * The DDL that `migrate()` applies to an empty PostgreSQL database, for those who put it into
 * migrations of their own.
 */
export function printSchema({ schema = 'stepping' }: { readonly schema?: string } = {}): string {
  return printMigrations(postgres, postgres.tables({ schema }), [postgres.migrations, migrations])
}
