import { defineConfig } from 'vitest/config'

/** The kit on broken implementations: self.test.ts runs each on the case that has to reject it. */
export default defineConfig({
  ssr: { resolve: { conditions: ['@stepping/source'] } },
  test: { include: ['packages/conformance/test/faulty/*.kit.ts'] },
})
