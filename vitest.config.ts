import { defineConfig } from 'vitest/config'
import { mutationPlugin } from './mutations/vite-plugin.ts'

// Tests run the sources of every package, so nothing has to be built first.
const ssr = { resolve: { conditions: ['@stepping/source'] } }

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        ssr,
        plugins: [mutationPlugin()],
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts'],
        },
      },
      {
        extends: true,
        ssr,
        plugins: [mutationPlugin()],
        test: {
          name: 'db',
          include: [
            'packages/*/test/**/*.test.ts',
            'test-e2e/**/*.test.ts',
            'test-support/test/**/*.test.ts',
          ],
          exclude: ['test-e2e/simulation/**', '**/node_modules/**'],
          globalSetup: 'test-support/src/global-setup.ts',
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        ssr,
        test: {
          name: 'simulation',
          include: ['test-e2e/simulation/**/*.test.ts'],
        },
      },
    ],
  },
})
