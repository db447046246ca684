import type { Scenario } from '../scenario.ts'
import { drain } from './drain.ts'
import { enqueue } from './enqueue.ts'
import { growth } from './growth.ts'
import { idle } from './idle.ts'
import { latency, latencyAcross } from './latency.ts'
import { memory } from './memory.ts'
import { sustained } from './sustained.ts'
import { twoProcesses } from './two-processes.ts'

export const scenarios: readonly Scenario[] = [
  enqueue(10, 4_000),
  enqueue(1, 1_000),
  drain('drain', 20_000, 1),
  drain('three-steps', 2_000, 3),
  sustained,
  latency,
  latencyAcross,
  twoProcesses,
  growth,
  memory,
  idle,
]
