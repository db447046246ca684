import { OpenWorkflow } from 'openworkflow'
import { BackendPostgres } from 'openworkflow/postgres'
import { createBusiness } from '../business.ts'
import { execute, probe } from '../databases/postgres.ts'
import { inParallel } from '../in-parallel.ts'
import type { Run, Side } from '../side.ts'

const concurrency = 300

export const openWorkflow: Side = {
  name: 'openworkflow',
  about: `OpenWorkflow: concurrency ${concurrency}; it has no enqueueing in a transaction of the user's`,
  slow: true,
  probe: probe(
    "select count(*) from openworkflow.workflow_runs where status in ('pending', 'running', 'sleeping')",
  ),
  async install(url) {
    await execute(url, createBusiness)
    const backend = await BackendPostgres.connect(url)
    await backend.stop()
  },
  async fill(url, jobs, steps) {
    const { backend, numbered } = await define(url, steps, () => {})
    await inParallel(10, 0, jobs, async (job) => void (await numbered.run({ job })))
    await backend.stop()
    await execute(url, 'vacuum analyze')
  },
  async open(url, { steps, run }) {
    const { backend, library, numbered } = await define(url, steps, run ?? (() => {}))
    const worker = run && library.newWorker({ concurrency })
    await worker?.start()
    return {
      enqueue: async (job) => void (await numbered.run({ job })),
      close: async () => {
        await worker?.stop()
        await backend.stop()
      },
    }
  },
}

async function define(url: string, steps: number, run: Run) {
  const backend = await BackendPostgres.connect(url, { runMigrations: false })
  const library = new OpenWorkflow({ backend })
  const numbered = library.defineWorkflow<{ job: number }, null>(
    { name: 'numbered' },
    async ({ input, step }) => {
      for (let n = 0; n < steps; n++) {
        await step.run({ name: `step${n}` }, async () => await run(input.job, n))
      }
      return null
    },
  )
  return { backend, library, numbered }
}
