import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'
import type { TestSpecification } from 'vitest/node'
import { mutationPlugin } from './mutations/vite-plugin.ts'

// Tests run the sources of every package, so nothing has to be built first.
const ssr = { resolve: { conditions: ['@stepping/source'] } }

/**
 * What waits for other processes takes minutes: begun last, it would go on alone when all else is done. DTM's own clock
 * ticks in seconds.
 */
const patient = ['crash.test.ts', 'processes.test.ts', 'test-e2e/', 'packages/dtm/test/']

function patience({ moduleId }: TestSpecification): number {
  return patient.findLastIndex((part) => moduleId.includes(part))
}

class PatientFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => patience(b) - patience(a))
  }
}

export default defineConfig({
  test: {
    // Files share a process, which loads each library once: half the time of all tests would be that.
    isolate: false,
    execArgv: [`--import=${new URL('test-support/src/drizzle-loading.ts', import.meta.url).href}`],
    sequence: { sequencer: PatientFirst },
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
          // What is slow on a busy machine is no failure: what hangs is seen a little later.
          testTimeout: 90_000,
          hookTimeout: 120_000,
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
