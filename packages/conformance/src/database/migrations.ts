import { expect } from 'vitest'
import type { DatabaseCases } from './scene.ts'

export function describeMigrations<Tx>(test: DatabaseCases<Tx>): void {
  test('eight who migrate at once make one database that works', async (scene) => {
    // They may come one after another where each has to connect first; the second time nobody has to.
    for (const tables of ['kit_raced', 'kit_raced_again']) {
      const callers = Array.from({ length: 8 }, (_, i) =>
        scene.opened.over({ name: `caller ${i}`, tables }),
      )
      await Promise.all(callers.map((database) => database.migrate()))
      const identities = await Promise.all(callers.map((database) => database.identity()))
      expect(new Set(identities).size).toBe(1)
      const key = await scene.newKey(callers[0])
      expect(await callers[7]!.barrier.resolve(key)).toBe('rolledBack')
      const late = callers[1]!.transaction((tx) => scene.insert(tx, key, { database: callers[1]! }))
      await expect(late).rejects.toMatchObject({ code: 'BARRIER_DECIDED' })
      expect(await scene.opened.probe.barrier(key.gid, tables)).toHaveLength(1)
    }
  })

  test('repeated it changes nothing', async (scene) => {
    const key = await scene.newKey()
    await scene.order('before the second migration', key)
    await scene.database.migrate()
    expect(await scene.database.identity()).toBe(key.identity)
    expect(await scene.database.barrier.resolve(key)).toBe('committed')
  })

  test('where it did not run, that is said', async (scene) => {
    const missing = scene.opened.over({ name: 'missing', tables: 'kit_missing' })
    await expect(missing.identity()).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: expect.stringContaining('migrate()'),
    })
  })

  test("tables of the user's naming are used for the insert and for the answer", async (scene) => {
    const { database, tables } = await scene.elsewhere()
    const [committed, asked] = [await scene.newKey(database), await scene.newKey(database)]
    await database.transaction((tx) => scene.insert(tx, committed, { database }))
    expect(await database.barrier.resolve(committed)).toBe('committed')
    expect(await database.barrier.resolve(asked)).toBe('rolledBack')
    const { probe } = scene.opened
    expect(await probe.barrier(committed.gid, tables)).toMatchObject([{ reason: 'msg' }])
    expect(await probe.barrier(asked.gid, tables)).toMatchObject([{ reason: 'rollback' }])
    expect(await probe.barrier(committed.gid)).toEqual([])
    expect(await probe.barrier(asked.gid)).toEqual([])
  })
}
