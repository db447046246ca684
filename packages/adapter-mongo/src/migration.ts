import { describeRef, migrateCall, SteppingError } from '@stepping/core'
import type { DatabaseRef } from '@stepping/core'
import type { Collections } from './collections.ts'
import { durable } from './command.ts'
import type { Execute, Reply } from './command.ts'
import { errorCode } from './errors.ts'
import { barrierValidator, uniqueBarrier } from './schema.ts'
import type { MigrationSet } from './schema.ts'

/** The collections of this library in one of the app's databases. */
export interface CollectionsOf {
  readonly ref: DatabaseRef
  readonly collections: Collections
}

/** What `migrate` left in the database, by key: `identity`, and `version:<component>`. */
export type Meta = ReadonlyMap<string, unknown>

/** 48: the collection exists. 85: the index exists, under another name; whether it is unique is checked later. */
const harmless = [48, 85]

/** Makes what is missing of a set. Each command changes nothing when repeated, so callers race safely. */
export async function applyMigrations(
  database: CollectionsOf,
  set: MigrationSet,
  run: Execute,
): Promise<void> {
  const { collections } = database
  const { meta } = collections
  await ignoring(harmless, () => run({ create: meta }))
  await upsert(meta, 'identity', { $setOnInsert: { value: crypto.randomUUID() } }, run)
  const before = await readMeta(collections, run)
  const found = versionOf(before, set)
  if (found > set.version) throw schemaError('SCHEMA_NEWER', database, set, found)
  for (const command of set.commands(collections, String(before.get('identity')))) {
    await ignoring(harmless, () => run(command))
  }
  await upsert(meta, `version:${set.component}`, { $max: { value: set.version } }, run)
}

async function upsert(meta: string, _id: string, u: object, run: Execute): Promise<void> {
  const command = {
    update: meta,
    updates: [{ q: { _id }, u, upsert: true }],
    writeConcern: durable,
  }
  try {
    await run(command)
  } catch (error) {
    // Another caller was quicker. The repeat finds its row, and waits until a majority has it.
    if (errorCode(error) !== 11000) throw error
    await run(command)
  }
}

export async function readMeta({ meta }: Collections, run: Execute): Promise<Meta> {
  const reply = await run({ find: meta, readConcern: { level: 'majority' }, singleBatch: true })
  return new Map(batchOf(reply).map((row) => [String(row['_id']), row['value']]))
}

/** `SCHEMA_MISSING`, `SCHEMA_OLDER` or `SCHEMA_NEWER`, unless the versions are equal. */
export function versionError(
  meta: Meta,
  database: CollectionsOf,
  set: MigrationSet,
): SteppingError | undefined {
  const found = versionOf(meta, set)
  if (found === set.version) return undefined
  if (found === 0) return schemaError('SCHEMA_MISSING', database, set, found)
  const code = found > set.version ? 'SCHEMA_NEWER' : 'SCHEMA_OLDER'
  return schemaError(code, database, set, found)
}

/** Gives the barrier its validator where the collection was there before, for which more rights are needed. */
export async function guardBarrier(
  { barrier }: Collections,
  identity: string,
  run: Execute,
): Promise<void> {
  const validator = barrierValidator(identity)
  if (isSame(await validatorOf(barrier, run), validator)) return
  await run({ collMod: barrier, validator, validationLevel: 'strict', validationAction: 'error' })
}

/**
 * A copy that was made document by document has neither index nor validator: without the one a gid
 * would get two rows, without the other another database's rows would be accepted.
 */
export async function assertBarrierGuarded(
  ref: DatabaseRef,
  { barrier }: Collections,
  identity: string,
  run: Execute,
): Promise<void> {
  const indexes = batchOf(await run({ listIndexes: barrier }))
  const unique = indexes.some(
    (index) => index['unique'] === true && isSame(index['key'], uniqueBarrier),
  )
  if (unique && isSame(await validatorOf(barrier, run), barrierValidator(identity))) return
  throw new SteppingError(
    'SCHEMA_MISSING',
    `The collection ${barrier} of the database ${describeRef(ref)} lacks its ${unique ? 'validator' : 'unique index'}: ${migrateCall(ref, 'stepping')}.`,
  )
}

async function validatorOf(collection: string, run: Execute): Promise<unknown> {
  const [info] = batchOf(await run({ listCollections: 1, filter: { name: collection } }))
  return (info?.['options'] as { validator?: unknown } | undefined)?.validator
}

export function batchOf(reply: Reply): readonly Reply[] {
  return (reply as { cursor?: { firstBatch?: readonly Reply[] } }).cursor?.firstBatch ?? []
}

function schemaError(
  code: 'SCHEMA_MISSING' | 'SCHEMA_NEWER' | 'SCHEMA_OLDER',
  { ref, collections }: CollectionsOf,
  { component, version }: MigrationSet,
  found: number,
): SteppingError {
  const place = `The collections of ${component} with the prefix "${collections.prefix}" of the database ${describeRef(ref)}`
  const migrate = migrateCall(ref, component)
  const texts = {
    SCHEMA_MISSING: `${place} do not exist: ${migrate}.`,
    SCHEMA_OLDER: `${place} have version ${found}, this code needs ${version}: ${migrate}.`,
    SCHEMA_NEWER: `${place} have version ${found}, this code knows only ${version}: deploy the newer code, or do not go back behind a migration.`,
  }
  return new SteppingError(code, texts[code])
}

function versionOf(meta: Meta, { component }: MigrationSet): number {
  return Number(meta.get(`version:${component}`) ?? 0)
}

/** Of documents, in which the order of the keys counts. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

async function ignoring(codes: readonly number[], work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!codes.includes(errorCode(error) ?? 0)) throw error
  }
}
