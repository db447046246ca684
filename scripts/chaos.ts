/**
 * `pnpm chaos [--minutes 30] [--seed n] [words]`: the cells of the matrix whose names hold the words, beside servers that
 * are killed, networks that break and apps that die. A seed means the same blows at the same times.
 */
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string' } },
  allowPositionals: true,
})
const child = spawn('pnpm', ['exec', 'vitest', 'run', '--project', 'db', 'test-e2e/chaos'], {
  env: {
    ...process.env,
    CHAOS_MINUTES: values.minutes,
    CHAOS_CELLS: positionals.join(' '),
    ...(values.seed !== undefined && { CHAOS_SEED: values.seed }),
  },
  stdio: 'inherit',
})
child.once('close', (code) => {
  process.exitCode = code ?? 1
})
