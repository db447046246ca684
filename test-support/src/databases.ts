import { HOW_TO_GET_MARIADB } from './mariadb-binaries.ts'
import { startMariadb } from './mariadb.ts'
import { HOW_TO_GET_MONGO } from './mongo-binaries.ts'
import { startMongo, untilPrimary } from './mongo.ts'
import { HOW_TO_GET_POSTGRES } from './postgres-binaries.ts'
import { startPostgres } from './postgres.ts'

/** A server to run tests against, wherever it came from. */
export interface TakenServer {
  /** A superuser's URL: tests create databases of their own on it. */
  url: string
  /** For people: which server this is. */
  source: string
  /** Ends what was started for us; leaves a server alone that was there before. */
  stop(): Promise<void>
}

/** Where a server of one product can come from. */
interface Sources {
  readonly product: string
  /** The environment variable with the URL of one that is there already. */
  readonly variable: string
  readonly container: () => Promise<TakenServer>
  readonly local: () => Promise<TakenServer>
  readonly howToGet: string
}

export async function takePostgres(): Promise<TakenServer> {
  return await take({
    product: 'PostgreSQL',
    variable: 'STEPPING_TEST_POSTGRES_URL',
    container: postgresContainer,
    local: startPostgres,
    howToGet: HOW_TO_GET_POSTGRES,
  })
}

export async function takeMysql(): Promise<TakenServer> {
  return await take({
    product: 'MySQL or MariaDB',
    variable: 'STEPPING_TEST_MYSQL_URL',
    container: mysqlContainer,
    local: startMariadb,
    howToGet: HOW_TO_GET_MARIADB,
  })
}

export async function takeMongo(): Promise<TakenServer> {
  return await take({
    product: 'MongoDB',
    variable: 'STEPPING_TEST_MONGODB_URL',
    container: mongoContainer,
    local: startMongo,
    howToGet: HOW_TO_GET_MONGO,
  })
}

/**
 * The server that the variable names; else one in a container, if a container engine answers; else one started on
 * this machine. Rejects, saying what is missing, when there is none of the three: tests that need a database fail
 * without one, they are never skipped.
 */
async function take({
  product,
  variable,
  container,
  local,
  howToGet,
}: Sources): Promise<TakenServer> {
  const url = process.env[variable]
  if (url !== undefined && url !== '') return { url, source: variable, stop: async () => {} }
  if (await containerEngineAnswers()) return container()
  try {
    return await local()
  } catch (error) {
    console.error(
      `Tests need a ${product} server, by one of:\n` +
        `  - the URL of one, whose user may create databases, in ${variable}\n` +
        `  - a container engine (none answered)\n` +
        `  - ${product} on this machine (if missing: ${howToGet})`,
    )
    throw error
  }
}

export async function containerEngineAnswers(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import('testcontainers')
  const { promise: tooLate, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(resolve, 3_000, false)
  const answer = getContainerRuntimeClient().then(
    () => true,
    () => false,
  )
  return Promise.race([answer, tooLate]).finally(() => clearTimeout(timer))
}

async function postgresContainer(): Promise<TakenServer> {
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
  const image = 'postgres:18-alpine'
  const settings = ['fsync=off', 'full_page_writes=off', 'max_connections=200']
  const container = await new PostgreSqlContainer(image)
    .withCommand(['postgres', ...settings.flatMap((setting) => ['-c', setting])])
    .start()
  return {
    url: container.getConnectionUri(),
    source: `container of ${image}`,
    stop: async () => void (await container.stop()),
  }
}

async function mysqlContainer(): Promise<TakenServer> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const image = 'mysql:8.4'
  const settings = ['innodb-flush-log-at-trx-commit=0', 'max-connections=200']
  const container = await new GenericContainer(image)
    .withEnvironment({ MYSQL_ALLOW_EMPTY_PASSWORD: '1', MYSQL_ROOT_HOST: '%' })
    .withCommand(['mysqld', ...settings.map((setting) => `--${setting}`)])
    .withExposedPorts(3306)
    // The image starts the server once without a port, to set it up, and then for good.
    .withWaitStrategy(Wait.forLogMessage(/ready for connections.*port: 3306\b/))
    .start()
  return {
    url: `mysql://root@${container.getHost()}:${container.getMappedPort(3306)}/`,
    source: `container of ${image}`,
    stop: async () => void (await container.stop()),
  }
}

async function mongoContainer(): Promise<TakenServer> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const image = 'mongo:8.0'
  const container = await new GenericContainer(image)
    .withCommand(['--replSet', 'rs0', '--setParameter', 'enableTestCommands=1'])
    .withExposedPorts(27017)
    .withWaitStrategy(Wait.forLogMessage(/Waiting for connections/))
    .start()
  // Under its name inside the container the replica set would not find itself from here.
  const address = `${container.getHost()}:${container.getMappedPort(27017)}`
  const url = `mongodb://${address}/?directConnection=true`
  await untilPrimary(url, 'localhost:27017')
  return {
    url,
    source: `container of ${image}`,
    stop: async () => void (await container.stop()),
  }
}
