import { SteppingError } from '@stepping/core'
import type { CommittableContext, DbContext } from '@stepping/core'
import type { Execute } from './command.ts'

/** An open transaction that commands can be sent in, and that can be committed. */
export interface MongoContext extends CommittableContext {
  readonly execute: Execute
}

/** @throws SteppingError `TRANSACTION_UNUSABLE` for a context of another kind of database. */
export function executeIn(context: DbContext): Execute {
  if (context.database.dialect === 'mongodb' && 'execute' in context) {
    return (context as MongoContext).execute
  }
  throw new SteppingError(
    'TRANSACTION_UNUSABLE',
    'This context does not belong to a MongoDB database.',
  )
}
