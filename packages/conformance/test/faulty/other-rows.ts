import { isSqlContext, postgres, sql } from '@stepping/sql'
import { dialect, tomorrow } from './changed-driver.ts'
import type { DatabaseFault } from './plain-postgres.ts'

/** What the identity, `once` and cleaning do wrong. */
export const otherRowsFaults: readonly DatabaseFault[] = [
  {
    name: 'each object has an identity of its own',
    rejectedBy: 'the identity stays, whichever object is asked',
    database: () => {
      const identity = crypto.randomUUID()
      return { identity: async () => identity }
    },
  },
  {
    name: 'migrations take no lock',
    rejectedBy: 'eight who migrate at once make one database that works',
    driver: dialect({ lockMigrations: async () => {} }),
  },
  {
    name: 'once does not look at the key',
    rejectedBy: 'the gid, the step, the key and the owner each make it another one',
    driver: dialect({
      takeOnce: (tables, execute, key) => postgres.takeOnce(tables, execute, { ...key, key: '' }),
      readOnce: (tables, key) => postgres.readOnce(tables, { ...key, key: '' }),
      storeOnce: (tables, key, value) => postgres.storeOnce(tables, { ...key, key: '' }, value),
    }),
  },
  {
    name: 'once is written beside the transaction',
    rejectedBy: 'a rollback gives the key back with everything else',
    database: (healthy) => ({
      once: {
        ...healthy.once,
        take: async (_context, key) =>
          await healthy.transaction(
            async (tx) => await healthy.once.take(healthy.context(tx), key),
          ),
      },
    }),
  },
  {
    name: 'once forgets the value',
    rejectedBy: 'a key that was taken gives what was stored under it',
    driver: dialect({ storeOnce: () => sql`select 1` }),
  },
  {
    name: 'a value is replaced by whoever comes',
    rejectedBy: 'a value is replaced only while it is the one that was read',
    driver: dialect({
      storeOnce: (tables, key, value) => postgres.storeOnce(tables, key, value),
    }),
  },
  {
    name: 'once counts changed rows',
    rejectedBy: 'a value that is stored over itself is no error, though nothing changes',
    database: (healthy) => ({
      once: {
        ...healthy.once,
        async store(context, key, value) {
          if (!isSqlContext(context)) return
          const { affected } = await context.execute(sql`
            update ${healthy.tables.once} set value = ${value}::text
            where gid = ${key.gid}::text and value is distinct from ${value}::text`)
          if (affected !== 1) throw new Error('nothing was stored')
        },
      },
    }),
  },
  {
    name: 'an attempt of once that comes too late is taken',
    rejectedBy: 'an attempt whose time is over takes nothing, and sees no value',
    driver: dialect({
      takeOnce: (tables, execute, key) =>
        postgres.takeOnce(tables, execute, { ...key, notAfter: tomorrow() }),
    }),
  },
  {
    name: 'commits are cleaned by age alone',
    rejectedBy: 'a commit goes when it is old and its job is known to be over, and not before',
    database: (healthy) => ({
      prune: async (options) =>
        await healthy.prune({ ...options, over: async (gids) => new Set(gids) }),
    }),
  },
  {
    name: 'only the once rows of the first owner are cleaned',
    rejectedBy: 'the once rows of each owner go',
    database: (healthy) => ({
      prune: async (options) =>
        await healthy.prune({ ...options, owners: options.owners.slice(0, 1) }),
    }),
  },
  {
    name: 'the once rows of everybody are cleaned',
    rejectedBy: 'the once rows of another owner, whose jobs are not known here, stay',
    database: (healthy) => ({
      prune: async (options) =>
        await healthy.prune({ ...options, owners: [...options.owners, 'another'] }),
    }),
  },
]
