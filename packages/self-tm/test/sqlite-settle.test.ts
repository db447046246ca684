import { sqlJobStore } from '@stepping/self-tm'
import type { AnySqlDatabase } from '@stepping/sql'
import { expect, test } from 'vitest'
import { ending, request } from '../../conformance/src/index.ts'
import { jobOf } from './jobs.ts'
import { replacing } from './replacing.ts'
import { openSqlite } from './sqlite-store.ts'

test.each(['before it was written', 'after it was written'])(
  'a batch whose kept row failed %s is saved when it is sent again',
  async (when) => {
    const { store, database, inTransaction, stored } = await openSqlite()
    await store.submit(jobOf(['A'], { gid: 'kept' }))
    const deleted = jobOf(['A'], { gid: 'deleted' })
    await inTransaction!(async (context) => void (await store.enlist(context, deleted)))
    const { claims } = await store.claim(request())
    const batch = claims.map((claim) => ending(claim, { to: 'finished' }))
    let isLost = true
    const run: AnySqlDatabase['run'] = async (statement) => {
      const isFirst = isLost
      isLost = false
      if (isFirst && when === 'before it was written') throw new Error('it was lost')
      const result = await database.run(statement)
      if (isFirst) throw new Error('its answer was lost')
      return result
    }
    const failing = sqlJobStore(replacing<AnySqlDatabase>(database, { run }))
    await expect(failing.settle(batch)).rejects.toThrow('was lost')
    // In a transaction of its own, before the other.
    expect(await stored('deleted')).toBeNull()
    expect([...(await failing.settle(batch)).values()]).toEqual(['saved', 'saved'])
    expect(await stored('kept')).toMatchObject({ state: 'finished', cursor: 1 })
  },
)
