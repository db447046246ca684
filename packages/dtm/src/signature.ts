import { createHmac, timingSafeEqual } from 'node:crypto'
import { SteppingError } from '@stepping/core'

/** Vouches for what comes back from DTM, which knows no authentication and stores all it is told. */
export interface Signer {
  /** HMAC-SHA256 in hex, by the first secret; undefined where nothing is signed. */
  sign(text: string): string | undefined
  /** Whether one of the secrets made this MAC. */
  verify(text: string, mac: string | null): boolean
}

function macOf(secret: string, text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest()
}

const shortest = 32

/**
 * Signs by the first secret and believes all of them, so that they can be replaced one after another.
 *
 * @throws SteppingError `OPTIONS_INVALID`, without what is wrong with which one
 */
export function hmacSigner(owner: string, secrets: readonly string[]): Signer {
  const usable =
    Array.isArray(secrets) &&
    secrets.length > 0 &&
    secrets.every((each: unknown) => typeof each === 'string' && each.length >= shortest)
  if (!usable) {
    throw new SteppingError(
      'OPTIONS_INVALID',
      `${owner}: secrets has to be a list of one or more texts of ${shortest} characters at least.`,
    )
  }
  return {
    sign: (text) => macOf(secrets[0], text).toString('hex'),
    verify(text, mac) {
      if (mac === null || !/^[0-9a-f]{64}$/.test(mac)) return false
      const given = Buffer.from(mac, 'hex')
      return secrets.some((secret) => timingSafeEqual(macOf(secret, text), given))
    },
  }
}

/** For `insecure: true`: believes everything. */
export const noSigner: Signer = { sign: () => undefined, verify: () => true }
