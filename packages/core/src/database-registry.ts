import type { AnyDatabase, DatabaseRef } from './db-context.ts'
import { SteppingError } from './errors.ts'
import { isDatabase } from './given.ts'
import { invalidOption } from './option.ts'
import { describeRef } from './nesting.ts'
import type { TenantDatabases } from './tenant-databases.ts'

/** The databases that the app registered: the only ones a stored job can name. */
export class DatabaseRegistry {
  readonly #single = new Map<string, AnyDatabase>()
  readonly #tenants = new Map<string, TenantDatabases>()

  /** @throws SteppingError `DATABASE_DUPLICATE` when two share a name, `OPTIONS_INVALID`. */
  constructor(databases: readonly (AnyDatabase | TenantDatabases)[]) {
    for (const each of new Set(databases)) {
      if (isDatabase(each)) this.#add(this.#single, keyOf(each.ref), each, describeRef(each.ref))
      else if (isTenants(each)) this.#add(this.#tenants, each.name, each, each.name)
      else {
        throw invalidOption(
          'createStepping',
          'one of databases',
          each,
          `an adapter's database, such as drizzlePostgres(db, { name }), or tenantDatabases({ … })`,
        )
      }
    }
    for (const { name } of this.#tenants.values()) {
      if (this.#single.has(keyOf({ name }))) throw duplicate(name)
    }
  }

  /** Those that are registered by themselves. */
  get single(): readonly AnyDatabase[] {
    return [...this.#single.values()]
  }

  /** Those, and those of the tenants that this process has resolved. */
  get known(): readonly AnyDatabase[] {
    const tenants = [...this.#tenants.values()].flatMap(({ known }) => known)
    return [...new Set([...this.#single.values(), ...tenants])]
  }

  /**
   * The database that a stored job names.
   *
   * @throws SteppingError `DATABASE_NOT_REGISTERED`; `TENANT_UNRESOLVED`, `DATABASE_INVALID` of
   * `TenantDatabases.get`.
   */
  async find(ref: DatabaseRef): Promise<AnyDatabase> {
    const found = this.#single.get(keyOf(ref))
    if (found) return found
    const tenants = ref.tenant === undefined ? undefined : this.#tenants.get(ref.name)
    if (tenants && ref.tenant !== undefined) return await tenants.get(ref.tenant)
    throw this.#notRegistered(ref)
  }

  /** All databases of one tenant. @throws SteppingError as `find`. */
  async ofTenant(tenant: string): Promise<readonly AnyDatabase[]> {
    const found = new Set(this.single.filter(({ ref }) => ref.tenant === tenant))
    for (const tenants of this.#tenants.values()) found.add(await tenants.get(tenant))
    if (found.size > 0) return [...found]
    throw new SteppingError(
      'DATABASE_NOT_REGISTERED',
      `No database of the tenant ${tenant} is registered here: add tenantDatabases({ name, resolve }) to createStepping({ databases: [...] }).`,
    )
  }

  /** @throws SteppingError `DATABASE_NOT_REGISTERED` for another object than the one registered. */
  assertRegistered(database: AnyDatabase): void {
    const { ref } = database
    const found = this.#single.get(keyOf(ref))
    const tenants = ref.tenant === undefined ? undefined : this.#tenants.get(ref.name)
    if (found === database || tenants?.has(database)) return
    if (!found && !tenants) throw this.#notRegistered(ref)
    throw new SteppingError(
      'DATABASE_NOT_REGISTERED',
      tenants
        ? `This object of the database ${describeRef(ref)} did not come from tenantDatabases ${ref.name}: use what its get('${ref.tenant}') resolves with.`
        : `Another database object is registered under the name ${describeRef(ref)}. Make it once and use that one.`,
    )
  }

  #add<T>(to: Map<string, T>, key: string, each: T, name: string): void {
    if (to.has(key)) throw duplicate(name)
    to.set(key, each)
  }

  #notRegistered(ref: DatabaseRef): SteppingError {
    const names = [...this.single.map((each) => describeRef(each.ref)), ...this.#tenants.keys()]
    return new SteppingError(
      'DATABASE_NOT_REGISTERED',
      `The database ${describeRef(ref)} is not registered here: add it to createStepping({ databases: [...] }). Registered: ${names.join(', ') || 'none'}.`,
    )
  }
}

function isTenants(each: TenantDatabases): boolean {
  return typeof (each as Partial<TenantDatabases> | null)?.get === 'function'
}

/** Not `describeRef`, in which a name with a stroke could be taken for a tenant's database. */
function keyOf({ name, tenant }: DatabaseRef): string {
  return JSON.stringify([name, tenant])
}

function duplicate(name: string): SteppingError {
  return new SteppingError(
    'DATABASE_DUPLICATE',
    `Two databases are registered under the name ${name}. Stored jobs name their database, so give each its own name.`,
  )
}
