import { MongoClient } from 'mongodb'
import { expect, onTestFinished, test } from 'vitest'
import { mongo } from './mongo.ts'

const client = new MongoClient('mongodb://localhost')
const database = mongo(client.db('orders'), { name: 'orders' })

test('a session without a transaction is refused, and told to begin one', () => {
  const session = client.startSession()
  onTestFinished(() => session.endSession())
  expect(() => database.context(session)).toThrow(
    expect.objectContaining({ code: 'TRANSACTION_UNUSABLE' }),
  )
  expect(() => database.context(session)).toThrow(/: call session\.startTransaction\(\) first\.$/)
})

test('a transaction that was open is over, and is not to be begun', async () => {
  const session = client.startSession()
  onTestFinished(() => session.endSession())
  session.startTransaction()
  const context = database.context(session)
  await session.abortTransaction() // nothing was sent in it
  await expect(context.assertUsable()).rejects.toThrow(/it is over, and no transaction is open/)
})
