import { Random } from '../simulation/random.ts'
import { serverNames } from '../matrix/outages.ts'
import type { ServerName } from '../matrix/outages.ts'

/** What happens to a server or an app, and when. */
export type Blow =
  | ServerBlow
  | { readonly what: 'kill app'; readonly atMs: number; readonly app: number }

export interface ServerBlow {
  readonly what: 'kill server' | 'cut network' | 'silence network'
  readonly atMs: number
  readonly server: ServerName
  readonly forMs: number
}

/**
 * The same blows for the same arguments. Each server is killed at least once, each of its networks is cut, and each app
 * is killed; the rest is chance.
 */
export function planOf(seed: number, durationMs: number, apps: number): readonly Blow[] {
  const random = new Random(seed)
  const atMs = (): number => random.whole(0, durationMs)
  const hit = (
    server: ServerName,
    what: 'kill server' | 'cut network' | 'silence network',
  ): Blow => ({
    atMs: atMs(),
    what,
    server,
    forMs: random.whole(200, 2_500),
  })
  const killed = (app: number): Blow => ({ atMs: atMs(), what: 'kill app', app })
  const blows = serverNames.flatMap((server) => [
    hit(server, 'kill server'),
    hit(server, 'cut network'),
  ])
  for (let app = 0; app < apps; app++) blows.push(killed(app))
  for (let ms = 0; ms < durationMs; ms += 5_000) {
    const what = random.pick(['kill server', 'cut network', 'silence network'] as const)
    blows.push(hit(random.pick(serverNames), what))
    blows.push(killed(random.whole(0, apps - 1)))
  }
  return blows.toSorted((a, b) => a.atMs - b.atMs)
}
