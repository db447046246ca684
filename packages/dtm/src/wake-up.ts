import { setTimeout as delay } from 'node:timers/promises'
import { SteppingError } from '@stepping/core'
import { monotonicMs } from './clock.ts'
import { messageIn } from './dtm-api.ts'
import type { DtmApi, DtmTransaction } from './dtm-api.ts'

/** Over Redis nobody sees whether the right one was among so many, until DTM has looked at it. */
const most = 100

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
  const dueMs = Date.parse(due)
  if (!(dueMs > now)) return
  const isMoved = async (): Promise<boolean> => {
    const { transaction } = await api.query(gid)
    return transaction?.next_cron_time !== due || transaction.status !== found.status
  }
  // Only the stores that are no SQL database keep the steps with the transaction. There the call
  // for a single one changes what can be read, and not when DTM looks.
  if (!steps) await api.post('resetNextCronTime', JSON.stringify({ gid, trans_type: 'msg' }))
  for (let more = true; more;) {
    more = steps !== undefined && (await moveThoseFrom(api, gid, { dueMs, now }, isMoved))
    // Over Redis it shows only once DTM has looked.
    for (const endMs = monotonicMs() + roundMs; monotonicMs() < endMs; await delay(100)) {
      if (await isMoved()) return
    }
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

/**
 * DTM moves those that are due in so many seconds or later, the earliest of them first, and takes no
 * gid. So one after another, from the second before this one is due: what is due then comes along,
 * and nothing else. Resolves with whether more could be moved.
 */
async function moveThoseFrom(
  api: DtmApi,
  gid: string,
  { dueMs, now }: { readonly dueMs: number; readonly now: number },
  isMoved: () => Promise<boolean>,
): Promise<boolean> {
  let nowMs = now
  for (let n = 0; n < most; n++) {
    const inSeconds = Math.floor(dueMs / 1_000) - Math.floor(nowMs / 1_000) - 1
    const answer = await api.moveForward(Math.max(0, inSeconds), 1)
    if (answer.status !== 200) {
      throw new SteppingError('TM_REFUSED', `DTM did not wake ${gid} (${messageIn(answer)}).`)
    }
    nowMs = answer.date
    const { has_remaining: more } = JSON.parse(answer.text) as { has_remaining?: boolean }
    if (!more || (await isMoved())) return false
  }
  return true
}
