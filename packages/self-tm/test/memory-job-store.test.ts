import { memoryJobStore } from '@stepping/self-tm'
import { describeJobStore } from '../../conformance/src/index.ts'

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
