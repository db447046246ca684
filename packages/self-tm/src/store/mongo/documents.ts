import type { Command, Reply } from './mongo-database.ts'
import type { Row } from '../job-rows.ts'

/** In the journal of a majority: what is acknowledged so survives a crash and a failover. */
export const durable = { w: 'majority', j: true } as const

/** A value in a pipeline, where a text with a dollar would else be a field. */
export function literal(value: unknown): object {
  return { $literal: value }
}

/** This long from now, on the server's clock. */
export function inMs(ms: number): object {
  return { $add: ['$$NOW', ms] }
}

/**
 * The expression, or an error when the server's clock is past the time: one that aborts a
 * transaction, so that nobody can commit what came too late. The conversion must not be one that
 * the server can try beforehand, so it takes a field.
 */
export function unlessTooLate(notAfter: number, expression: unknown): object {
  const failure = { $toInt: { $concat: ['too late: ', '$_id'] } }
  return { $cond: [{ $lt: ['$$NOW', new Date(notAfter)] }, expression, failure] }
}

/** What a conversion that failed is called by the server. */
export const tooLateCode = 241

/** A document in the shape of a row: absent fields are null. */
export function rowOf({ _id, ...rest }: Reply): Row {
  return { gid: _id, database: null, last_error: null, finished_at: null, cursor: null, ...rest }
}

export function rowsOf(reply: Reply): readonly Row[] {
  const { cursor } = reply as { cursor: { firstBatch: readonly Reply[] } }
  return cursor.firstBatch.map(rowOf)
}

/** The document that `findAndModify` answers with; undefined when it found none. */
export function foundRow(reply: Reply): Row | undefined {
  const { value } = reply as { value: Reply | null }
  return value === null ? undefined : rowOf(value)
}

/** Reads at most this many documents at once: a cursor that is not read to its end would stay on the server. */
export function findAll(
  collection: string,
  filter: object,
  most: number,
  rest: { readonly sort?: object; readonly projection?: object } = {},
): Command {
  return { find: collection, filter, ...rest, limit: most, batchSize: most, singleBatch: true }
}
