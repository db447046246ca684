import type { ClientSession, Db } from 'mongodb'

/** A command of MongoDB's protocol; its first key is its name. The same in every version of the driver. */
export type Command = Readonly<Record<string, unknown>>

export type Reply = Readonly<Record<string, unknown>>

export type Execute = (command: Command) => Promise<Reply>

/** In the journal of a majority: what is acknowledged so survives a crash and a failover. */
export const durable: Readonly<Record<string, unknown>> = { w: 'majority', j: true }

/**
 * Sends one command. Writes that the server refused, or did not replicate, come in an answer that
 * counts as a success, which they are not here.
 */
export async function send(db: Db, command: Command, session?: ClientSession): Promise<Reply> {
  const reply: Reply = await db.command(command, session && { session })
  const { writeErrors, writeConcernError } = reply as FailedReply
  const failure = writeErrors?.[0] ?? writeConcernError
  if (failure === undefined) return reply
  throw Object.assign(new Error(failure.errmsg), { name: 'MongoServerError', code: failure.code })
}

interface FailedReply {
  readonly writeErrors?: readonly Failure[]
  readonly writeConcernError?: Failure
}

interface Failure {
  readonly code: number
  readonly errmsg: string
}
