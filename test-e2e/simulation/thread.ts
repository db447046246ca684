import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { mutate, pathOf } from '../../mutations/mutate.ts'
import type { Found, Hunt } from './hunt.ts'
import { defects } from './mutations.ts'

const { from, to, defect: name } = workerData as Hunt
const defect = name === undefined ? undefined : defects.find((each) => each.name === name)!

if (defect) {
  const url = pathToFileURL(pathOf(defect)).href
  registerHooks({
    load(each, context, next) {
      const loaded = next(each, context)
      return each === url ? { ...loaded, source: mutate(defect) } : loaded
    },
  })
}

// Only now, so that it is loaded with the defect.
const { simulate } = await import('./simulate.ts')
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origins
parentPort!.postMessage(await goThrough())

async function goThrough(): Promise<Found> {
  let attempts = 0
  let virtualMs = 0
  for (let seed = from; seed < to; seed++) {
    const outcome = await simulate(seed, defect ? { theme: defect.theme } : {})
    attempts += outcome.attempts
    virtualMs += outcome.virtualMs
    const violations = outcome.violations.filter((each) => !defect || each.includes(defect.shows))
    if (violations.length > 0) {
      return { schedules: seed + 1 - from, attempts, virtualMs, seed, violations }
    }
  }
  return { schedules: to - from, attempts, virtualMs, violations: [] }
}
