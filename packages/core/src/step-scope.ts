import type { StepCall } from './transaction-manager.ts'

type Called = Pick<StepCall, 'gid' | 'index' | 'caller'>

/**
 * Whose `once` rows a step writes. A caller names gids as it likes, also those of the app's own
 * jobs. An own owner ends with the kind of a transaction manager or with an identity, and the name
 * of a caller has no stroke: no two are the same.
 */
export function onceOwner(owner: string, caller: string | undefined): string {
  return caller === undefined ? owner : `${owner}/key=${caller}`
}

/** No gid has a stroke in it. */
export function idempotencyKeyOf({ gid, index, caller }: Called): string {
  return `${caller === undefined ? '' : `${caller}/`}${gid}/${index}`
}
