import type { Db, Timestamp } from 'mongodb'

/** How long the server holds a question back when it has nothing to tell. */
const quietMs = 30_000

/**
 * Calls back for each change of a document from now on, until closed, or until the stream cannot be
 * mended.
 */
export async function watch(
  db: Db,
  collection: string,
  id: string,
  onChange: () => void,
  onLost: () => void,
): Promise<() => Promise<void>> {
  // The stream is opened in the background: this is the time from which it tells.
  const { operationTime } = await db.command({ ping: 1 })
  const stream = db.collection(collection).watch([{ $match: { 'documentKey._id': id } }], {
    startAtOperationTime: operationTime as Timestamp,
    maxAwaitTimeMS: quietMs,
  })
  let closed = false
  const follow = async (): Promise<void> => {
    try {
      for await (const _ of stream) onChange()
    } catch {
      // Whoever listens is told, and opens another one.
    } finally {
      if (!closed) onLost()
    }
  }
  void follow()
  return async () => {
    closed = true
    await stream.close()
  }
}
