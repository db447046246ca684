import { expect, test } from 'vitest'
import { hunt } from './hunt.ts'
import { defects } from './mutations.ts'

test.concurrent.each(defects)(
  'a schedule shows that $name',
  { timeout: 240_000 },
  async ({ name }) => {
    expect(await hunt({ from: 1, to: 10_000, defect: name })).toHaveProperty('seed')
  },
)
