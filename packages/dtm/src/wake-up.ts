import { setTimeout as delay } from 'node:timers/promises'
import { SteppingError } from '@stepping/core'
import { monotonicMs } from './clock.ts'
import { messageIn } from './dtm-api.ts'
import type { DtmApi, DtmQuery, DtmTransaction } from './dtm-api.ts'

/** Over BoltDB and Redis jobs are moved so many at a time. */
const batch = 100

/** DTM makes a round every three seconds at least. */
const roundMs = 5_000

/**
 * Has DTM look at a transaction in its next round, and not when its wait is over.
 *
 * @throws SteppingError `NOT_SUPPORTED` when DTM did not do it.
 */
export async function wakeUp(api: DtmApi, found: DtmTransaction, now: number): Promise<void> {
  const { gid, next_cron_time: due = '', steps } = found
  assertNotDelayed(found, now)
  const inSeconds = Math.ceil((Date.parse(due) - now) / 1_000)
  if (!(inSeconds > 0)) return
  const isMoved = ({ transaction }: DtmQuery): boolean =>
    transaction?.next_cron_time !== due || transaction.status !== found.status
  // Only the stores that are no SQL database keep the steps with the transaction. There the call
  // for a single one changes what can be read, and not when DTM looks.
  if (steps) await moveAllFrom(api, gid, inSeconds, isMoved)
  else await api.post('resetNextCronTime', JSON.stringify({ gid, trans_type: 'msg' }))
  // Over Redis it shows only once DTM has looked.
  for (const endMs = monotonicMs() + roundMs; monotonicMs() < endMs; await delay(100)) {
    if (isMoved(await api.query(gid))) return
  }
  throw new SteppingError(
    'NOT_SUPPORTED',
    `DTM did not bring transaction ${gid} forward: it is tried again at ${due}.`,
    { gid },
  )
}

/** A visit of DTM before the delay is over would have it wait all of it once more, from then on. */
function assertNotDelayed(found: DtmTransaction, now: number): void {
  const { gid, status, create_time: created = '', custom_data: custom } = found
  const { delay: seconds = 0 } = JSON.parse(custom || '{}') as { delay?: number }
  const startsAt = Date.parse(created) + seconds * 1_000
  if (status !== 'submitted' || seconds === 0 || !(now < startsAt)) return
  throw new SteppingError(
    'NOT_SUPPORTED',
    `Transaction ${gid} waits for its delay, until ${new Date(startsAt).toISOString()}: DTM cannot begin it sooner.`,
    { gid },
  )
}

/** Moves it with those that are due later than it, the earliest of them first. */
async function moveAllFrom(
  api: DtmApi,
  gid: string,
  inSeconds: number,
  isMoved: (query: DtmQuery) => boolean,
): Promise<void> {
  for (;;) {
    const answer = await api.moveForward(Math.max(0, inSeconds - 2), batch)
    if (answer.status !== 200) {
      throw new SteppingError('TM_REFUSED', `DTM did not wake ${gid} (${messageIn(answer)}).`)
    }
    const { has_remaining: more } = JSON.parse(answer.text) as { has_remaining?: boolean }
    if (!more || isMoved(await api.query(gid))) return
  }
}
