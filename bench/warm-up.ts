import { inParallel } from './in-parallel.ts'

/** V8 compiles the last of what a job goes through, on a core that the server would have, after some 14,000. */
export const warmUpJobs = 16_000

/** Those that take long over one wait for their server, and not for their own code. */
const mostMs = 10_000

/**
 * What a process does in its first seconds says little of a server that runs for days. The jobs get the
 * numbers from 0.
 *
 * @returns how many there were.
 */
export async function warmUp(
  loops: number,
  jobs: number,
  work: (job: number) => Promise<void>,
): Promise<number> {
  const until = performance.now() + mostMs
  let begun = 0
  await inParallel(loops, 0, jobs, async (job) => {
    if (performance.now() > until) return
    begun = job + 1
    await work(job)
  })
  return begun
}
