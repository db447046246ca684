import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test } from 'vitest'
import { defineStep } from './step.ts'
import { callOf, fakeApp, participantOf } from './testing/fake-app.ts'

const request = new AsyncLocalStorage<string>()
const found: (string | undefined)[] = []
const enters = defineStep({
  name: 'Enters',
  run() {
    found.push(request.getStore())
    request.enterWith('of a step')
  },
})
const participant = await participantOf(fakeApp({ steps: [enters] }))

test('what a step enters before it first waits is neither around its caller nor around the next step', async () => {
  const attempts = [1, 2].map(() => participant.runStep(callOf(enters)))
  found.push(request.getStore())
  await Promise.all(attempts)
  found.push(request.getStore())
  expect(found).toEqual([undefined, undefined, undefined, undefined])
})
