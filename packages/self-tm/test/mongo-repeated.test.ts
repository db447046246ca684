import { mongoJobStore } from '@stepping/self-tm'
import { describeJobStore } from '../../conformance/src/index.ts'
import type { Execute } from '../../adapter-mongo/src/index.ts'
import { useMongo } from './mongo-store.ts'
import { replacing } from './replacing.ts'

const { open } = useMongo()

/** A command whose answer was lost is sent again: each write arrives twice, and the second answer counts. */
describeJobStore({
  name: 'MongoDB, where every answer to a write is lost once',
  async open() {
    // Transactions are of the database itself, and repeated as a whole.
    const { inTransaction: _, ...opened } = await open()
    const { database } = opened
    const run: Execute = async (command) => {
      if (isRepeated(command)) await database.run(command)
      return await database.run(command)
    }
    const store = mongoJobStore(replacing<typeof database>(database, { run }))
    return { ...opened, store }
  },
})

/** How many rows a cleaning deleted is only told to people: then it counts those of the second answer. */
function isRepeated(command: Record<string, unknown>): boolean {
  const { deletes } = command as { deletes?: readonly { limit: number }[] }
  if (deletes) return deletes[0]!.limit === 1
  return 'update' in command || 'findAndModify' in command
}
