import type { AnyDatabase } from './db-context.ts'
import { SteppingError } from './errors.ts'
import { invalidOption } from './option.ts'
import { printValue } from './print-value.ts'

export interface TenantDatabasesOptions<D extends AnyDatabase> {
  /** Stored with every job, beside the tenant: the name by which its database is found again. */
  readonly name: string
  /**
   * Finds or makes the database of one tenant, with this `name` and this `tenant`; undefined when
   * there is no such tenant. Called once for each tenant, and again after it failed.
   */
  readonly resolve: (tenant: string) => Promise<D | undefined> | D | undefined
}

/** One database for each tenant, under one name. */
export interface TenantDatabases<D extends AnyDatabase = AnyDatabase> {
  readonly name: string
  /** Those that `get` has found, without the forgotten ones. */
  readonly known: readonly D[]
  /**
   * The database of this tenant: resolved when it is first asked for, then remembered.
   *
   * @throws SteppingError `TENANT_UNRESOLVED` when `resolve` rejects or has none, `DATABASE_INVALID`
   * when it gives the database of another tenant.
   */
  get(tenant: string): Promise<D>
  /** Call it before you close this tenant's pool: the next `get` resolves it anew. */
  forget(tenant: string): void
  /** Whether it came from `get`, be it forgotten since. */
  has(database: AnyDatabase): boolean
}

/**
 * The databases of an app that has one for each tenant. The pools behind them are the app's: it
 * opens them in `resolve`, and closes them.
 *
 * @example
 * const shops = tenantDatabases({
 *   name: 'shop',
 *   async resolve(tenant) {
 *     const pool = pools.get(tenant)
 *     return pool && drizzlePostgres(drizzle(pool), { name: 'shop', tenant })
 *   },
 * })
 * createStepping({ databases: [shops], ... })
 * await stepping.transaction(await shops.get('acme'), async (tx, job) => { ... })
 */
export function tenantDatabases<D extends AnyDatabase>(
  options: TenantDatabasesOptions<D>,
): TenantDatabases<D> {
  return new ResolvedTenants(options)
}

interface Tenant<D> {
  readonly asked: Promise<D>
  found?: D
}

class ResolvedTenants<D extends AnyDatabase> implements TenantDatabases<D> {
  readonly name: string
  readonly #ask: TenantDatabasesOptions<D>['resolve']
  readonly #tenants = new Map<string, Tenant<D>>()
  readonly #given = new WeakSet<AnyDatabase>()

  constructor({ name, resolve }: TenantDatabasesOptions<D>) {
    if (typeof name !== 'string' || name === '') {
      throw invalidOption('tenantDatabases', 'name', name, 'a text that is not empty')
    }
    if (typeof resolve !== 'function') {
      throw invalidOption(`tenantDatabases ${name}`, 'resolve', resolve, 'a function')
    }
    this.name = name
    this.#ask = resolve
  }

  get known(): readonly D[] {
    return [...this.#tenants.values()].flatMap(({ found }) => (found ? [found] : []))
  }

  async get(tenant: string): Promise<D> {
    let known = this.#tenants.get(tenant)
    if (!known) {
      known = { asked: this.#resolve(tenant) }
      this.#tenants.set(tenant, known)
    }
    try {
      known.found = await known.asked
      this.#given.add(known.found)
      return known.found
    } catch (error) {
      // Unless it was forgotten meanwhile and somebody asked anew.
      if (this.#tenants.get(tenant) === known) this.#tenants.delete(tenant)
      throw error
    }
  }

  forget(tenant: string): void {
    this.#tenants.delete(tenant)
  }

  has(database: AnyDatabase): boolean {
    return this.#given.has(database)
  }

  async #resolve(tenant: string): Promise<D> {
    if (typeof tenant !== 'string' || tenant === '') {
      throw invalidOption(
        `tenantDatabases ${this.name}`,
        'tenant',
        tenant,
        'a text that is not empty',
      )
    }
    let found: D | undefined
    try {
      found = await this.#ask(tenant)
    } catch (cause) {
      throw this.#unresolved(tenant, 'failed', { cause })
    }
    if (!found) throw this.#unresolved(tenant, `gave ${printValue(found)}`)
    const { ref } = found
    if (ref?.name === this.name && ref.tenant === tenant) return found
    throw new SteppingError(
      'DATABASE_INVALID',
      `resolve(${printValue(tenant)}) of tenantDatabases ${this.name} gave the database ${printValue(ref)}. Make it with { name: ${printValue(this.name)}, tenant }, so that stored jobs find it again.`,
    )
  }

  #unresolved(tenant: string, what: string, options?: { cause: unknown }): SteppingError {
    return new SteppingError(
      'TENANT_UNRESOLVED',
      `The database of the tenant ${printValue(tenant)} of ${this.name} cannot be had: resolve ${what}. Until it gives one, prepared jobs of this tenant stay prepared.`,
      options,
    )
  }
}
