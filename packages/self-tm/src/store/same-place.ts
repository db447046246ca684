import type { AnySqlDatabase } from '@stepping/sql'

/**
 * A copy of a database (a template, a restored dump) has its identity too, and a job that is stored
 * there would be one that nobody looks for. In doubt it is another place: the 2-phase path is right
 * for both.
 */
export async function isSamePlace(a: AnySqlDatabase, b: AnySqlDatabase): Promise<boolean> {
  // With one connection it could not be asked during the transaction, and has no second process.
  if (a.limits.parallelTransactions !== undefined) return true
  try {
    const [first, second] = await Promise.all(
      [a, b].map(async (each) => (await each.run(each.sqlDialect.readPlace())).rows[0]?.['place']),
    )
    return first !== undefined && first === second
  } catch {
    return false
  }
}
