import type { Server } from '../server.ts'

const start = {
  PostgreSQL: async () => await (await import('./postgres.ts')).startPostgresServer(),
  MariaDB: async () => await (await import('./mariadb.ts')).startMariadbServer(),
  MongoDB: async () => await (await import('./mongodb.ts')).startMongodbServer(),
  SQLite: async () => await (await import('./sqlite.ts')).startSqlite(),
  Redis: async () => await (await import('./redis.ts')).startRedisServer(),
  DTM: async () => await (await import('./dtm.ts')).startDtmServer(),
} satisfies Record<string, () => Promise<Server>>

export type ServerName = keyof typeof start

/** Starts each server when it is first asked for, and ends them all. */
export class Servers implements AsyncDisposable {
  readonly #started = new Map<ServerName, Promise<Server>>()

  /** Rejects, each time, where it cannot be started here. */
  async take(name: ServerName): Promise<Server> {
    let starting = this.#started.get(name)
    if (!starting) this.#started.set(name, (starting = start[name]()))
    return await starting
  }

  /** Of those that run. */
  async settings(): Promise<readonly string[]> {
    const started = await Promise.allSettled(this.#started.values())
    return started.flatMap((each) => (each.status === 'fulfilled' ? [each.value.settings] : []))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of await Promise.allSettled(this.#started.values())) {
      if (each.status === 'fulfilled') await each.value[Symbol.asyncDispose]()
    }
  }
}
