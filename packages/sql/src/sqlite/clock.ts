import { rawSql } from '../statement.ts'
import type { Statement } from '../statement.ts'

/** The database's clock as whole epoch milliseconds, which is how times are stored. The same all through a statement. */
export const clock: Statement = rawSql(`cast(unixepoch('subsec') * 1000 as integer)`)
