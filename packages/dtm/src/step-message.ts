import type { JobRecord } from '@stepping/core'

/** The body with which DTM calls a step at our endpoint: one JSON text, made and signed by the sender of the job. */
export interface StepMessage {
  readonly app: string
  readonly gid: string
  /** The position of the step in its job, from 0. */
  readonly index: number
  readonly step: string
  /** As JSON; absent when the step takes none. */
  readonly args?: string
  /** It is the job's last step. */
  readonly last: boolean
}

export function encodeStepMessage(job: JobRecord, index: number): string {
  const { name, args } = job.steps[index]!
  const parts = [
    `"app":${JSON.stringify(job.app)}`,
    `"gid":${JSON.stringify(job.gid)}`,
    `"index":${index}`,
    `"step":${JSON.stringify(name)}`,
    // JSON already; parsed and printed again a large number would be another one.
    ...(args === undefined ? [] : [`"args":${args}`]),
    ...(index === job.steps.length - 1 ? ['"last":true'] : []),
  ]
  return `{${parts.join(',')}}`
}

/** Undefined for what is no such message. */
export function decodeStepMessage(text: string): StepMessage | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const { app, gid, index, step, args, last } = (value ?? {}) as Record<string, unknown>
  if (typeof app !== 'string' || typeof gid !== 'string' || typeof step !== 'string')
    return undefined
  // What an int of a database takes: MySQL would make the largest of all that are larger.
  if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= 2 ** 31)
    return undefined
  return {
    app,
    gid,
    index: index as number,
    step,
    ...(args !== undefined && { args: JSON.stringify(args) }),
    last: last === true,
  }
}
