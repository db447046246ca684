import { runChild, startDtm } from '@stepping/test-support'
import type { Child, DtmServer } from '@stepping/test-support'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openOrders } from './app.ts'
import type { OrdersDatabase } from './app.ts'
import type { CrashPoint, ShopEnvironment } from './children/shop.ts'

let server: DtmServer
let orders: OrdersDatabase

beforeAll(async () => {
  server = await startDtm()
  orders = await openOrders()
  await orders.query('create table effects (id serial, gid text not null, step text not null)')
}, 600_000)

afterAll(async () => {
  await orders.close()
  await server.stop()
})

/** Where an app dies that placed an order, perhaps where the next one dies, and what comes of it. */
interface Scene {
  readonly dies: CrashPoint
  readonly diesAgain?: CrashPoint
  readonly status: 'prepared' | 'succeed' | 'failed' | undefined
  readonly isPlaced: boolean
  readonly effects: readonly string[]
}

const dropped = { status: 'failed', isPlaced: false, effects: [] } as const
const done = { status: 'succeed', isPlaced: true, effects: ['First', 'Second'] } as const
const repeated = { ...done, effects: ['First', 'First', 'Second'] } as const
const answered = 'after an answer to query prepared, before DTM hears of it'

const scenes: readonly Scene[] = [
  { dies: 'before the prepare', ...dropped, status: undefined },
  { dies: 'after the prepare', ...dropped },
  { dies: 'before the commit', ...dropped },
  { dies: 'before the commit', diesAgain: answered, ...dropped },
  { dies: 'after the commit', ...done },
  { dies: 'after the commit', diesAgain: answered, ...done },
  { dies: 'after the submit', ...done },
  { dies: 'in a step', ...repeated },
  { dies: 'after a step, before DTM hears of it', ...repeated },
]

describe.each(['HTTP', 'gRPC'] as const)('an app that is killed, called by %s,', (transport) => {
  const gids = new Map<Scene, string>()

  test('is played to the end, in every scene', { timeout: 240_000 }, async () => {
    const played = scenes.map(async (scene, n) => {
      // A door of its own for each, at which DTM knocks again when the app is back.
      const port = (transport === 'gRPC' ? 32_050 : 32_000) + n
      const grpc = transport === 'gRPC' ? { GRPC: server.grpc } : {}
      const run = (env: Partial<ShopEnvironment> = {}): Child => runShop(port, { ...grpc, ...env })
      const gid = await placeAndDie(run({ CRASH: scene.dies, PLACE: '1' }))
      gids.set(scene, gid)
      if (scene.diesAgain) await ended(run({ CRASH: scene.diesAgain }))
      await run().line((line) => line === 'started')
      await over(gid, scene.status)
    })
    await Promise.all(played)
  })

  test.each(scenes)('$dies leaves the job $status $diesAgain', async (scene) => {
    const gid = gids.get(scene)!
    expect(await statusOf(gid)).toBe(scene.status)
    expect((await orders.skus()).includes(gid)).toBe(scene.isPlaced)
    const rows = await orders.query('select step from effects where gid = $1 order by id', [gid])
    expect(rows.map(({ step }) => step)).toEqual(scene.effects)
  })
})

test('an app does not start without its DTM server', { timeout: 60_000 }, async () => {
  await using other = await startDtm()
  await other.kill()
  const child = runShop(32_100, { SERVER: other.url })
  expect((await child.exit).code).toBe(1)
  expect(child.errorLines.join()).toContain('TM_UNREACHABLE')
})

test('a DTM server that is killed while no app is there has all jobs done when both are back', async () => {
  const inStep = await placeAndDie(runShop(32_101, { CRASH: 'in a step', PLACE: '1' }))
  const committed = await placeAndDie(runShop(32_101, { CRASH: 'after the commit', PLACE: '1' }))
  await server.kill()
  await server.start()
  await runShop(32_101).line((line) => line === 'started')
  for (const gid of [inStep, committed]) await over(gid, 'succeed')
}, 90_000)

function runShop(port: number, env: Partial<ShopEnvironment> = {}): Child {
  return runChild(new URL('children/shop.ts', import.meta.url), {
    env: { SERVER: server.url, ORDERS_URL: orders.url, PORT: `${port}`, ...env },
  })
}

async function ended(child: Child): Promise<void> {
  const { signal } = await child.exit
  if (signal !== 'SIGKILL') throw new Error(`It did not die: ${child.errorLines.join('\n')}`)
}

/** Resolves with the gid of the job that the dead process had added. */
async function placeAndDie(child: Child): Promise<string> {
  await ended(child)
  return (await child.line((line) => line.startsWith('gid '))).slice(4)
}

async function statusOf(gid: string): Promise<string | undefined> {
  const response = await fetch(`${server.url}/api/dtmsvr/query?gid=${gid}`)
  const { transaction } = (await response.json()) as { transaction: { status: string } | null }
  return transaction?.status
}

async function over(gid: string, status: string | undefined): Promise<void> {
  await vi.waitFor(async () => expect(await statusOf(gid)).toBe(status), { timeout: 120_000 })
}
