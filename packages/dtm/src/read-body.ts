import type { CallbackRequest } from './handler.ts'
import { Refusal } from './refusal.ts'

/**
 * The body as text, read no further than the limit: nobody has proved who sent it.
 *
 * @throws Refusal
 */
export async function readBody(
  { announcedBytes, body }: CallbackRequest,
  maxBytes: number,
): Promise<string> {
  if (announcedBytes > maxBytes) throw tooLarge()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const each of body) {
    const chunk = typeof each === 'string' ? Buffer.from(each) : each
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function tooLarge(): Refusal {
  return new Refusal(413, 'too large')
}
