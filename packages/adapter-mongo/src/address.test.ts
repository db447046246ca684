import { MongoClient } from 'mongodb'
import { expect, test } from 'vitest'
import { addressOf } from './address.ts'

test.each([
  ['mongodb://localhost', 'mongodb://localhost:27017/shop'],
  ['mongodb://app:secret@a:1,b:2/x?replicaSet=rs0', 'mongodb://app@a:1,b:2/shop'],
  ['mongodb+srv://app:secret@cluster.example.com', 'mongodb+srv://app@cluster.example.com/shop'],
])('%s is shown without its password', (url, address) => {
  expect(addressOf(new MongoClient(url).db('shop'))).toBe(address)
})
