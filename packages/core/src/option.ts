import { SteppingError } from './errors.ts'
import { printValue } from './print-value.ts'

export interface NumberRange {
  /** Default: anything above 0. */
  readonly from?: number
  /** Default: any finite number. `Infinity` allows that, too. */
  readonly to?: number
  readonly whole?: boolean
}

/**
 * Refuses an option that is no number of this range. A string, NaN or 0 would otherwise be found
 * out much later, by a timer that fires without a pause or a job that never becomes due.
 *
 * @throws SteppingError `OPTIONS_INVALID`
 */
export function assertNumber(
  owner: string,
  option: string,
  value: unknown,
  { from, to = Number.MAX_VALUE, whole = false }: NumberRange = {},
): void {
  const fits =
    typeof value === 'number' &&
    (from === undefined ? value > 0 : value >= from) &&
    value <= to &&
    (!whole || Number.isInteger(value) || value === Infinity)
  if (fits) return
  const least = from === undefined ? 'above 0' : `from ${from}`
  const most = to < Number.MAX_VALUE ? ` to ${to}` : to === Infinity ? '' : ', and finite'
  throw invalidOption(owner, option, value, `a ${whole ? 'whole ' : ''}number ${least}${most}`)
}

export function invalidOption(
  owner: string,
  option: string,
  value: unknown,
  wanted: string,
): SteppingError {
  return new SteppingError(
    'OPTIONS_INVALID',
    `${owner}: ${option} is ${printValue(value)}, it must be ${wanted}.`,
  )
}
