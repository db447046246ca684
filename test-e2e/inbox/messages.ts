import type { Random } from '../simulation/random.ts'

export const stepNames = ['First', 'Second'] as const

export interface Message {
  readonly id: string
  /** How many steps it leads to; some lead to none. */
  readonly steps: number
}

export function makeMessages(count: number, random: Random): Message[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `message-${n}`,
    steps: random.whole(0, stepNames.length),
  }))
}

/** Each message two to five times: what a broker may do that promises "at least once". */
export function makeDeliveries(messages: readonly Message[], random: Random): Message[] {
  return messages.flatMap((message) => Array<Message>(random.whole(2, 5)).fill(message))
}

export function shuffled<T>(list: readonly T[], random: Random): T[] {
  const all = [...list]
  for (let n = all.length - 1; n > 0; n--) {
    const other = random.whole(0, n)
    ;[all[n], all[other]] = [all[other]!, all[n]!]
  }
  return all
}
