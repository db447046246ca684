import { SteppingError } from '@stepping/core'
import { run, transact } from './plain-postgres.ts'
import type { DatabaseFault } from './plain-postgres.ts'

/** What the transaction does wrong. */
export const transactionFaults: readonly DatabaseFault[] = [
  {
    name: "the user's error is swallowed",
    rejectedBy: 'rejects with the very error that its work threw, and leaves nothing',
    driver: (healthy) => ({
      ...healthy,
      transaction: async (work) =>
        await healthy.transaction(work).catch(() => undefined as Awaited<ReturnType<typeof work>>),
    }),
  },
  {
    name: "the user's error is wrapped",
    rejectedBy: 'rejects with the very error that its work threw, and leaves nothing',
    driver: (healthy) => ({
      ...healthy,
      transaction: async (work) =>
        await healthy.transaction(work).catch((error: unknown) => {
          throw new Error('the transaction failed', { cause: error })
        }),
    }),
  },
  {
    name: 'whatever COMMIT answers is a commit',
    rejectedBy: 'what the server gave up after the barrier row is never committed',
    driver: (healthy, pool) => ({
      ...healthy,
      transaction: (work) => transact(pool, work, (client) => client.query('commit')),
    }),
  },
  {
    name: 'a lost answer to COMMIT is called a roll-back',
    rejectedBy: 'a COMMIT whose answer is lost leaves the outcome to the barrier',
    driver: (healthy) => ({
      ...healthy,
      transaction: async (work) =>
        await healthy.transaction(work).catch((error: unknown) => {
          throw new SteppingError('TRANSACTION_ROLLED_BACK', 'It failed.', { cause: error })
        }),
    }),
  },
  {
    name: 'every commit is called proven',
    rejectedBy: 'proves nothing when a savepoint took the row along',
    driver: (healthy) => ({
      ...healthy,
      bind: (client) => ({ ...healthy.bind(client), provedCommit: () => true }),
    }),
  },
  {
    name: 'a commit by hand does not look at the answer',
    rejectedBy: 'commit rejects when the server gave the transaction up',
    driver: (healthy) => ({
      ...healthy,
      bind: (client) => ({
        ...healthy.bind(client),
        commit: async () => void (await client.query('commit')),
      }),
    }),
  },
  {
    name: 'a handle is never looked at',
    rejectedBy: 'a transaction that committed is refused',
    driver: (healthy) => ({
      ...healthy,
      bind: (client) => ({
        opened: true,
        assertUsable: async () => {},
        execute: (statement) => run(client, statement),
        commit: async () => void (await client.query('commit')),
      }),
    }),
  },
  {
    name: 'the pool is taken for a transaction',
    rejectedBy: 'what is no transaction is refused',
    driver: (healthy, pool) => ({
      ...healthy,
      bind: (client) =>
        (client as unknown) === pool
          ? {
              opened: true,
              assertUsable: async () => {},
              execute: (statement) => run(pool, statement),
              commit: async () => {},
            }
          : healthy.bind(client),
    }),
  },
  {
    name: 'inserts do not ask whether the transaction is still open',
    rejectedBy:
      "an insert that races the end of the user's own rolled-back transaction leaves no row",
    driver: (healthy) => ({
      ...healthy,
      bind: (client) => ({
        ...healthy.bind(client),
        opened: true,
        execute: (statement) => run(client, statement),
      }),
    }),
  },
]
