import { randomBytes } from 'node:crypto'
import { describeError, SteppingError } from '@stepping/core'
import { reply } from './answer.ts'
import type { Reply } from './answer.ts'
import { Refusal } from './refusal.ts'
import type { Signer } from './signature.ts'

/** In the query of our own question; DTM never asks it. */
const checkParam = 'check'

/** Where nothing is signed. */
const unsigned = 'here'

/** Answers the question whether this is the app: nobody else has its secrets. */
export function answerCheck(params: URLSearchParams, signer: Signer): Reply {
  return reply(200, answerToCheck(params.get(checkParam) ?? '', signer))
}

/** @throws Refusal */
export function answerToCheck(nonce: string, signer: Signer): string {
  if (!/^[0-9a-f]{32}$/.test(nonce)) throw new Refusal(400, 'no question')
  return signer.sign(textOf(nonce)) ?? unsigned
}

export function newNonce(): string {
  return randomBytes(16).toString('hex')
}

/**
 * Asks at the callback URL, as DTM would, but without following redirects.
 *
 * @throws SteppingError `CALLBACK_UNREACHABLE`
 */
export async function checkCallback(url: URL, signer: Signer, timeoutMs: number): Promise<void> {
  const nonce = newNonce()
  const asked = new URL(url)
  asked.searchParams.set(checkParam, nonce)
  const found = await answerAt(asked, timeoutMs)
  const wanted = reply(200, answerToCheck(nonce, signer))
  if (found === `200 ${wanted.body}`) return
  throw notThisApp(
    `At the callback URL ${url.origin}${url.pathname}`,
    found,
    'DTM takes a 200 of anybody for a step that is done. Check the URL, and what stands before the app.',
  )
}

export function notThisApp(where: string, found: string, advice: string): SteppingError {
  return new SteppingError(
    'CALLBACK_UNREACHABLE',
    `${where} is not this app: the answer was ${found.slice(0, 200)}. ${advice}`,
  )
}

async function answerAt(url: URL, timeoutMs: number): Promise<string> {
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const response = await fetch(url, { redirect: 'manual', signal })
    return `${response.status} ${response.headers.get('location') ?? (await response.text())}`
  } catch (error) {
    return describeError(error)
  }
}

/** Neither a step's message nor a reference, so that no MAC of ours fits two of them. */
function textOf(nonce: string): string {
  return `${checkParam} ${nonce}`
}
