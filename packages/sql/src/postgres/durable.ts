import { rawSql } from '../statement.ts'
import type { Statement } from '../statement.ts'

/**
 * An expression that makes the surrounding transaction's COMMIT wait for the log: with
 * `synchronous_commit` off, a commit that was acknowledged, and answered to by `resolve`, can be
 * gone after a crash of the server. Other settings are left as they are.
 */
export const durableCommit: Statement = rawSql(
  `set_config('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, true)`,
)
