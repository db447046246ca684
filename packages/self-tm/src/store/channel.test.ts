import { expect, test } from 'vitest'
import { channelOf } from './channel.ts'

test('a channel is an identifier that needs no quoting and fits, whatever the app is called', () => {
  expect(channelOf('stepping', `it's "the" shop; drop table ${'x'.repeat(200)} 🚀`)).toMatch(
    /^[a-z][a-z0-9_]{0,62}$/,
  )
})

test('processes of one app meet on one channel', () => {
  expect(channelOf('stepping', 'shop')).toBe(channelOf('stepping', 'shop'))
})

test.each([
  { what: 'app', schema: 'stepping', app: 'market' },
  { what: 'schema', schema: 'other', app: 'shop' },
])('another $what has another channel', ({ schema, app }) => {
  expect(channelOf(schema, app)).not.toBe(channelOf('stepping', 'shop'))
})
