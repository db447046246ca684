import type { AnyDatabase, DatabaseRef } from './db-context.ts'
import { SteppingError } from './errors.ts'
import { describeRef } from './nesting.ts'

/** The databases that the app registered: the only ones a stored job can name. */
export class DatabaseRegistry {
  readonly #byRef = new Map<string, AnyDatabase>()

  /** @throws SteppingError `DATABASE_DUPLICATE` when two databases share a name. */
  constructor(databases: readonly AnyDatabase[]) {
    for (const database of new Set(databases)) {
      const ref = describeRef(database.ref)
      if (this.#byRef.has(ref)) {
        throw new SteppingError(
          'DATABASE_DUPLICATE',
          `Two databases are registered under the name ${ref}. Stored jobs name their database, so give each its own name.`,
        )
      }
      this.#byRef.set(ref, database)
    }
  }

  get all(): readonly AnyDatabase[] {
    return [...this.#byRef.values()]
  }

  /** @throws SteppingError `DATABASE_NOT_REGISTERED` */
  get(ref: DatabaseRef): AnyDatabase {
    const found = this.#byRef.get(describeRef(ref))
    if (found) return found
    throw new SteppingError(
      'DATABASE_NOT_REGISTERED',
      `The database ${describeRef(ref)} is not registered here: add it to createStepping({ databases: [...] }). Registered: ${[...this.#byRef.keys()].join(', ') || 'none'}.`,
    )
  }

  /** @throws SteppingError `DATABASE_NOT_REGISTERED` for another object than the one registered. */
  assertRegistered(database: AnyDatabase): void {
    if (this.get(database.ref) === database) return
    throw new SteppingError(
      'DATABASE_NOT_REGISTERED',
      `Another database object is registered under the name ${describeRef(database.ref)}. Make it once and use that one.`,
    )
  }
}
