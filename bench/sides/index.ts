import type { Side } from '../side.ts'
import { handWritten, handWrittenPipeline } from './hand-written.ts'
import { stepping, steppingPipeline } from './stepping.ts'

/** Loaded when it is measured: a process holds no library but the one it measures. */
export const sides: readonly Side[] = [handWritten, handWrittenPipeline, stepping, steppingPipeline]

export function sideNamed(name: string): Side {
  const side = sides.find((each) => each.name === name)
  if (!side) throw new Error(`No side ${name}: ${sides.map((each) => each.name).join(', ')}.`)
  return side
}
