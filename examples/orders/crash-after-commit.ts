import type { Database } from '@stepping/core'

/**
 * For scene 3 of main.ts only: the process dies by SIGKILL as soon as its n-th transaction has
 * committed, before Stepping or anything else in the process hears of it.
 */
export function crashAfterCommit<Tx>(database: Database<Tx>, n: number): void {
  const transaction = database.transaction.bind(database)
  let commits = 0
  database.transaction = async (work, options) => {
    const value = await transaction(work, options)
    commits++
    if (commits < n) return value
    process.kill(process.pid, 'SIGKILL')
    return await new Promise<never>(() => {})
  }
}
