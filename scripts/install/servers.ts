import {
  freshDatabase,
  freshMongoDatabase,
  freshMysqlDatabase,
  takeDtm,
  takeMongo,
  takeMysql,
  takePostgres,
} from '@stepping/test-support'
import type { Case } from './cases.ts'

type Environment = Record<string, string>

/** A server, and how a program gets something of its own there. */
interface Taken {
  fresh(): Promise<Environment>
  stop(): Promise<void>
}

type Server = NonNullable<Case['server']>

const takeServer: Record<Server, () => Promise<Taken>> = {
  async postgres() {
    const server = await takePostgres()
    const fresh = async () => ({ DATABASE_URL: (await freshDatabase(server.url)).url })
    return { fresh, stop: () => server.stop() }
  },
  async mysql() {
    const server = await takeMysql()
    const fresh = async () => ({ DATABASE_URL: (await freshMysqlDatabase(server.url)).url })
    return { fresh, stop: () => server.stop() }
  },
  async mongodb() {
    const server = await takeMongo()
    const fresh = async () => ({ DATABASE_URL: freshMongoDatabase(server.url).url })
    return { fresh, stop: () => server.stop() }
  },
  async dtm() {
    const server = await takeDtm()
    const fresh = async () => ({
      DTM_URL: server.url,
      DTM_GRPC: server.grpc,
      CALLBACK_HOST: server.callbackHost,
    })
    return { fresh, stop: () => server.stop() }
  },
}

/** The servers that programs connect to: each is taken when the first one asks for it. */
export class Servers implements AsyncDisposable {
  readonly #taken = new Map<Server, Promise<Taken>>()

  /** What a program has to know of the server, with an empty database if it has databases. */
  async environment(server: Server): Promise<Environment> {
    let taken = this.#taken.get(server)
    if (!taken) this.#taken.set(server, (taken = takeServer[server]()))
    return await (await taken).fresh()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const taken of await Promise.allSettled(this.#taken.values())) {
      if (taken.status === 'fulfilled') await taken.value.stop()
    }
  }
}
