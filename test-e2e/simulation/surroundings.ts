import type { Checker } from './checker.ts'
import type { Machine } from './machine.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Trace } from './trace.ts'
import type { Transaction } from './transaction.ts'

/** What one machine's software has around it. */
export interface Surroundings {
  readonly machine: Machine
  readonly scheduler: Scheduler
  readonly random: Random
  readonly network: Network
  readonly trace: Trace
  readonly checker: Checker
  /** Those that this machine opened. */
  readonly transactions: Transaction[]
}
