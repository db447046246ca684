import type { TakenDtm } from '@stepping/test-support'
import { startApp } from './app.ts'
import type { App, AppOptions } from './app.ts'
import { dtmGrpcProxy } from './dtm-grpc-proxy.ts'
import { dtmProxy } from './dtm-proxy.ts'
import type { DtmProxy } from './dtm-proxy.ts'

export type Over = 'HTTP' | 'gRPC'

export interface AppBehindProxy extends App {
  /** Through which prepare, submit and abort go. */
  readonly proxy: DtmProxy
  /** Through which questions go, which is the same over HTTP. */
  readonly questions: DtmProxy
}

export async function startBehindProxy(
  over: Over,
  { url, grpc }: TakenDtm,
  options: Omit<AppOptions, 'server' | 'grpc'>,
): Promise<AppBehindProxy> {
  const questions = await dtmProxy(url)
  const server = questions.address
  if (over === 'HTTP') {
    return { ...(await startApp({ ...options, server })), proxy: questions, questions }
  }
  const proxy = await dtmGrpcProxy(grpc)
  return { ...(await startApp({ ...options, server, grpc: proxy.address })), proxy, questions }
}
