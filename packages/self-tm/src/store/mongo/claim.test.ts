import { expect, test } from 'vitest'
import { claimJobs } from './claim.ts'
import type { AnyMongoDatabase, Command } from './mongo-database.ts'

const gids = Array.from({ length: 200 }, (_, at) => `job ${at}`)
const request = { app: 'shop', owner: 'me', leaseMs: 10_000, limit: 200, stepNames: ['A'] }

/** A server that writes what updates name, except those that fail. */
function serverWith(failures: readonly (Error | undefined)[]) {
  const taken = new Map<string, unknown>()
  let updates = 0
  const run = async (command: Command): Promise<object> => {
    if ('update' in command) {
      const failure = failures[updates++]
      if (failure) throw failure
      const [{ q, u }] = command['updates'] as [
        { q: { _id: { $in: string[] } }; u: [{ $set: { write_id: { $literal: unknown } } }] },
      ]
      const { _id: these } = q
      for (const gid of these.$in) taken.set(gid, u[0].$set.write_id.$literal)
    }
    const { write_id: by } = (command['filter'] ?? {}) as { write_id?: unknown }
    const found = 'aggregate' in command ? gids : gids.filter((gid) => by && taken.get(gid) === by)
    return { cursor: { firstBatch: found.map((_id) => ({ _id })) } }
  }
  const collections = { collection: (name: string) => name }
  return { database: { collections, run } as unknown as AnyMongoDatabase, taken }
}

const down = new Error('the pool was cleared')

test('a large batch is taken in two halves', async () => {
  const { claimed } = await claimJobs(serverWith([]).database, request)
  expect(claimed.map(({ gid }) => gid)).toEqual(gids)
})

test.each([
  [0, gids.slice(100)],
  [1, gids.slice(0, 100)],
] as const)('what the other half took is handed out when number %i fails', async (at, others) => {
  const failures = [undefined, undefined].with(at, down as never)
  const { claimed } = await claimJobs(serverWith(failures).database, request)
  expect(claimed.map(({ gid }) => gid)).toEqual(others)
})

test('a claim of which both halves fail rejects', async () => {
  await expect(claimJobs(serverWith([down, down]).database, request)).rejects.toBe(down)
})
