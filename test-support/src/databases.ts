import { HOW_TO_GET_POSTGRES } from './postgres-binaries.ts'
import { startPostgres } from './postgres.ts'

/** A server to run tests against, wherever it came from. */
export interface TakenPostgres {
  /** A superuser's URL: tests create databases of their own on it. */
  url: string
  /** For people: which server this is. */
  source: string
  /** Ends what was started for us; leaves a server alone that was there before. */
  stop(): Promise<void>
}

const VARIABLE = 'STEPPING_TEST_POSTGRES_URL'
const IMAGE = 'postgres:18-alpine'

/**
 * The PostgreSQL that STEPPING_TEST_POSTGRES_URL names; else one in a container, if a container engine answers; else
 * one started on this machine. Rejects, saying what is missing, when there is none of the three: tests that need a
 * database fail without one, they are never skipped.
 */
export async function takePostgres(): Promise<TakenPostgres> {
  const url = process.env[VARIABLE]
  if (url !== undefined && url !== '') return { url, source: VARIABLE, stop: async () => {} }
  if (await containerEngineAnswers()) return startContainer()
  try {
    return await startPostgres()
  } catch (error) {
    console.error(
      `Tests need a PostgreSQL server, by one of:\n` +
        `  - the URL of one, whose user may create databases, in ${VARIABLE}\n` +
        `  - a container engine (none answered)\n` +
        `  - PostgreSQL on this machine (if missing: ${HOW_TO_GET_POSTGRES})`,
    )
    throw error
  }
}

async function containerEngineAnswers(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import('testcontainers')
  const { promise: tooLate, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(resolve, 3_000, false)
  const answer = getContainerRuntimeClient().then(
    () => true,
    () => false,
  )
  return Promise.race([answer, tooLate]).finally(() => clearTimeout(timer))
}

async function startContainer(): Promise<TakenPostgres> {
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
  const settings = ['fsync=off', 'full_page_writes=off', 'max_connections=200']
  const container = await new PostgreSqlContainer(IMAGE)
    .withCommand(['postgres', ...settings.flatMap((setting) => ['-c', setting])])
    .start()
  return {
    url: container.getConnectionUri(),
    source: `container of ${IMAGE}`,
    stop: async () => void (await container.stop()),
  }
}
