import { describeJobStore } from '@stepping/conformance'
import { memoryJobStore } from '@stepping/self-tm'
import { startVitest } from 'vitest/node'

/** Run by node, it has Vitest run it; there it is a test file, as authors of stores have one. */
if (process.env['VITEST']) describeMemoryStore()
else await startVitest('test', ['main.ts'], { watch: false, include: ['main.ts'] })

function describeMemoryStore(): void {
  describeJobStore({
    name: 'memory',
    async open() {
      let now = Date.now()
      const store = memoryJobStore({ now: () => now })
      return {
        store,
        async pass(ms) {
          now += ms
        },
        async stored(gid) {
          const view = await store.find(gid)
          if (!view) return null
          const { state, attempts, lastError, steps } = view
          return { state, attempts, lastError, cursor: steps.filter(({ done }) => done).length }
        },
      }
    },
  })
}
