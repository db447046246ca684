import { isSteppingError } from '@stepping/core'
import type { SteppingErrorCode } from '@stepping/core'
import type { App } from './app.ts'
import type { World } from './world.ts'

const refusals: readonly SteppingErrorCode[] = [
  'JOB_UNKNOWN',
  'JOB_STATE',
  'JOB_RUNNING',
  'BARRIER_UNDECIDED',
  // A machine that slept asks a day late.
  'BARRIER_EXPIRED',
  'NOT_SUPPORTED',
  'DATABASE_UNREACHABLE',
  'CLOSED',
]

/** A person who retries, cancels and looks at jobs without asking anybody. */
export async function operate(world: World, app: App): Promise<void> {
  const { random, servers, checker } = world
  const gids = [...servers.orders.rows.keys()]
  if (gids.length === 0) return
  const gid = random.pick(gids)
  const { jobs } = app.stepping
  try {
    switch (
      random.pick(['find', 'retry', 'retry', 'cancel', 'cancel', 'prune', 'health'] as const)
    ) {
      case 'find':
        return void (await jobs.find(gid))
      case 'retry':
        return await jobs.retry(gid)
      case 'prune':
        return void (await jobs.prune())
      case 'health':
        return void (await app.stepping.health())
      case 'cancel': {
        await jobs.cancel(gid)
        const state = (await servers.orders.memory.find(gid))?.state
        if (state && state !== 'cancelled' && state !== 'rolledBack') {
          checker.fail(`job ${gid} was cancelled and is ${state}`)
        }
      }
    }
  } catch (error) {
    app.write(() => `the operator of ${gid} was told: ${String(error)}`)
    const isAllowed = isSteppingError(error)
      ? refusals.includes(error.code)
      : app.isDatabaseError(error)
    if (!isAllowed) throw error
  }
}
