import type { AnySqlDatabase } from '@stepping/sql'

/**
 * A copy of a database (a template, a restored dump, a copied file) has its identity too, and a job
 * that is stored there would be one that nobody looks for. In doubt it is another place: the
 * 2-phase path is right for both.
 */
export async function isSamePlace(a: AnySqlDatabase, b: AnySqlDatabase): Promise<boolean> {
  try {
    const [first, second] = await Promise.all([a.place(), b.place()])
    return first !== undefined && first === second
  } catch {
    return false
  }
}
