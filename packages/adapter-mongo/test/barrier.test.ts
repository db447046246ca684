import { describe, expect, test } from 'vitest'
import { begin, insert, newKey, open, order, outcomeOf } from './harness.ts'

describe('a barrier row', () => {
  test('knows the identity and its time, beside the fields of DTM', async () => {
    const h = await open()
    const key = await newKey(h.database)
    await h.database.transaction((session) => insert(h, session, key))
    expect(await h.barrier(key.gid)).toEqual([
      {
        _id: expect.anything() as unknown,
        trans_type: 'msg',
        gid: key.gid,
        branch_id: '00',
        op: 'msg',
        barrier_id: '01',
        reason: 'msg',
        identity: key.identity,
        create_time: expect.any(Date) as unknown,
      },
    ])
  })

  test("of DTM's clients, which have neither, is answered from and kept", async () => {
    const h = await open()
    const row = { trans_type: 'msg', branch_id: '00', op: 'msg', barrier_id: '01' }
    const rows = h.probe.collection('stepping_barrier')
    const [committed, dropped] = [await newKey(h.database), await newKey(h.database)]
    await rows.insertMany([
      { ...row, gid: committed.gid, reason: 'msg' },
      { ...row, gid: dropped.gid, reason: 'rollback' },
    ])
    expect(await h.database.barrier.resolve(committed)).toBe('committed')
    expect(await h.database.barrier.resolve(dropped)).toBe('rolledBack')
    const late = h.database.transaction((session) => insert(h, session, dropped))
    await expect(late).rejects.toMatchObject({ code: 'BARRIER_DECIDED' })
    await expect(rows.insertOne({ ...row, gid: dropped.gid })).rejects.toMatchObject({
      code: 11000,
    })
  })

  test('that says what nobody writes is no answer', async () => {
    const h = await open()
    const key = await newKey(h.database)
    const row = { gid: key.gid, branch_id: '00', op: 'msg', barrier_id: '01', reason: 'maybe' }
    await h.probe.collection('stepping_barrier').insertOne(row)
    await expect(h.database.barrier.resolve(key)).rejects.toThrow('answered "maybe"')
  })
})

describe('what is refused in a transaction', () => {
  test.each([
    ['for coming late', { notAfter: 0 }, 'BARRIER_EXPIRED'],
    ['for another database', { identity: '$identity' }, 'DATABASE_CHANGED'],
  ])('%s makes that impossible to commit', async (_, wrong, code) => {
    const h = await open()
    const session = begin(h)
    await order(h, session, 'refused')
    const key = { ...(await newKey(h.database)), ...wrong }
    await expect(insert(h, session, key)).rejects.toMatchObject({ code, gid: key.gid })
    await expect(h.database.context(session).commit()).rejects.toMatchObject({
      code: 'TRANSACTION_ROLLED_BACK',
    })
    expect(await h.skus()).toEqual([])
  })
})

describe('a transaction that began before its gid was decided', () => {
  test('is refused by the server, and by hand it is the error of the driver', async () => {
    const h = await open()
    const key = await newKey(h.database)
    const session = begin(h)
    await h.db.collection('orders').findOne({}, { session })
    expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
    await expect(insert(h, session, key)).rejects.toMatchObject({
      code: 112,
      errorLabels: ['TransientTransactionError'],
    })
  })

  test('is run again by transaction, and then finds the decision', async () => {
    const h = await open()
    const key = await newKey(h.database)
    const answers: string[] = []
    const late = h.database.transaction(async (session) => {
      await order(h, session, 'late')
      answers.push(await h.database.barrier.resolve(key))
      await insert(h, session, key)
    })
    await expect(late).rejects.toMatchObject({ code: 'BARRIER_DECIDED' })
    expect(answers).toEqual(['rolledBack', 'rolledBack'])
    expect(await h.skus()).toEqual([])
  })
})

test('asked while the transaction is open it says not yet at once, then the truth', async () => {
  const h = await open()
  for (const end of ['commit', 'abort'] as const) {
    const key = await newKey(h.database)
    const session = begin(h)
    await insert(h, session, key)
    const asked = performance.now()
    await expect(h.database.barrier.resolve(key)).rejects.toMatchObject({
      code: 'BARRIER_UNDECIDED',
    })
    // Outside of a transaction the server would wait, whatever time limit it is given.
    expect(performance.now() - asked).toBeLessThan(1_000)
    await session[`${end}Transaction`]()
    expect(await outcomeOf(h.database, key)).toBe(end === 'commit' ? 'committed' : 'rolledBack')
  }
})

test('a gid of the caller that is used up without a job is answered rolled back', async () => {
  const h = await open()
  const key = await newKey(h.database)
  await h.database.transaction(async (session) => {
    await h.database.barrier.insert(h.database.context(session), key, 'empty')
  })
  expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
  const second = h.database.transaction((session) => insert(h, session, key))
  await expect(second).rejects.toMatchObject({ code: 'JOB_DUPLICATE' })
})
