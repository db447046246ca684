import { SteppingError } from '@stepping/core'
import type { HeldLease, JobStore, Settlement } from '@stepping/self-tm'
import { SimulatedContext } from './database.ts'
import type { SimulatedDatabase } from './database.ts'
import type { StoreServer } from './store-server.ts'
import type { Surroundings } from './surroundings.ts'

/** What the store refuses as data, as PostgreSQL does a NUL. */
export const poison = 'poison'

class Refusal extends Error {}

/** The store as one machine reaches it: through the network, and in transactions of its database. */
export function storeOf(
  database: SimulatedDatabase,
  server: StoreServer,
  around: Surroundings,
): JobStore {
  const ask = database.ask.bind(database)
  return {
    database,
    async migrate() {},
    async assertReady() {},
    prepare: (job) => ask(`prepare ${job.gid}`, () => server.prepare(job)),
    submit: (job, lease) => ask(`submit ${job.gid}`, () => server.submit(job, lease)),
    async enlist(context, job, lease, before) {
      if (!(context instanceof SimulatedContext) || context.database !== database) return false
      const { tx } = context
      await before?.()
      const inserted = await tx.statement(`insert job ${job.gid}`, () =>
        server.insertJob(tx.server, job, lease),
      )
      if (inserted) return true
      throw new SteppingError('JOB_DUPLICATE', `${job.gid} exists already.`, { gid: job.gid })
    },
    claim: (request) => ask('claim', () => server.claim(request)),
    async renew(held, leaseMs) {
      const sent: HeldLease[] = held.map(({ gid, token }) => ({ gid, token }))
      return await ask(`renew ${sent.map(({ gid }) => gid).join(', ')}`, () =>
        server.renew(sent, leaseMs),
      )
    },
    async settle(settlements) {
      return await ask(describe(settlements), async () => {
        if (settlements.some((each) => 'error' in each && each.error.includes(`${poison}!`))) {
          throw new Refusal('a batch with poison')
        }
        return await server.settle(settlements)
      })
    },
    isRefusal: (error) => error instanceof Refusal,
    notify: () => ask('notify', async () => server.tell()),
    async listen(_app, onNotify, onLost) {
      const { machine, random, network, scheduler } = around
      const isLost = (): boolean => random.chance(network.weather.answerLost)
      const listener = (): void => {
        if (!isLost()) machine.receive(random.between(0.2, 20), onNotify)
      }
      await ask('listen', async () => server.listen(listener))
      if (isLost()) {
        scheduler.after(random.magnitude(10, 30_000), () => {
          server.unlisten(listener)
          machine.receive(0, onLost)
        })
      }
      return async () => await ask('unlisten', async () => server.unlisten(listener))
    },
    find: (gid) => ask(`find ${gid}`, () => server.memory.find(gid)),
    list: (page) => ask(`list ${page.state}`, () => server.memory.list(page)),
    databaseOf: (gid) => ask(`databaseOf ${gid}`, () => server.memory.databaseOf(gid)),
    retry: (gid) => ask(`retry ${gid}`, () => server.retry(gid)),
    end: (seen, as) => ask(`end ${seen.gid} as ${as}`, () => server.end(seen, as)),
    overview: (app) => ask('overview', () => server.memory.overview(app)),
    prune: (limit) => ask('prune', () => server.prune(limit)),
    over: (gids) => ask('over', () => server.memory.over(gids)),
    active: (gids) => ask('active', () => server.memory.active(gids)),
  }
}

function describe(settlements: readonly Settlement[]): string {
  const each = settlements.map(({ gid, token, cursor, to }) => `${gid}#${token}@${cursor} ${to}`)
  return `settle ${each.join(', ')}`
}
