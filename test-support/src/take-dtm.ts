import { containerEngineAnswers } from './databases.ts'
import { HOW_TO_GET_DTM } from './dtm-binary.ts'
import { startDtm } from './dtm.ts'

/** A DTM server to run tests against, wherever it came from. */
export interface TakenDtm {
  /** Of its HTTP API. */
  readonly url: string
  /** Host and port of its gRPC API. */
  readonly grpc: string
  /** The name by which it reaches this machine. */
  readonly callbackHost: string
  /** For people: which server this is. */
  readonly source: string
  /** Ends what was started for us; leaves a server alone that was there before. */
  stop(): Promise<void>
}

const variable = 'STEPPING_TEST_DTM_URL'

/**
 * The DTM server that STEPPING_TEST_DTM_URL or DTM_URL names; else one in a container, if a container engine answers;
 * else one that is built, once, and started on this machine.
 */
export async function takeDtm(): Promise<TakenDtm> {
  const url = process.env[variable] || process.env['DTM_URL']
  if (url) {
    const callbackHost = process.env['STEPPING_TEST_DTM_CALLBACK_HOST'] || '127.0.0.1'
    const grpc = process.env['STEPPING_TEST_DTM_GRPC'] || `${new URL(url).hostname}:36790`
    return { url, grpc, callbackHost, source: 'environment', stop: async () => {} }
  }
  if (await containerEngineAnswers()) return await startContainer()
  try {
    return { ...(await startDtm()), callbackHost: '127.0.0.1' }
  } catch (error) {
    console.error(
      `Tests need a DTM server, by one of:\n` +
        `  - the URL of one in ${variable}\n` +
        `  - a container engine (none answered)\n` +
        `  - DTM on this machine (${HOW_TO_GET_DTM})`,
    )
    throw error
  }
}

async function startContainer(): Promise<TakenDtm> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const image = 'yedf/dtm:1.19'
  const callbackHost = 'host.docker.internal'
  const container = await new GenericContainer(image)
    .withExposedPorts(36789, 36790)
    .withExtraHosts([{ host: callbackHost, ipAddress: 'host-gateway' }])
    .withWaitStrategy(Wait.forHttp('/api/ping', 36789))
    .start()
  return {
    url: `http://${container.getHost()}:${container.getMappedPort(36789)}`,
    grpc: `${container.getHost()}:${container.getMappedPort(36790)}`,
    callbackHost,
    source: `container of ${image}`,
    stop: async () => void (await container.stop()),
  }
}
