/**
 * The notification channel of one app in one schema. Hashed, because a channel is an identifier:
 * at most 63 bytes, and without anything to quote. A collision costs a needless look.
 */
export function channelOf(schema: string, app: string): string {
  // FNV-1a, 32 bits (Fowler, Noll, Vo).
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(`${schema}\n${app}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  return `stepping_${(hash >>> 0).toString(16).padStart(8, '0')}`
}
