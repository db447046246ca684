/** What is answered within this time; whoever waits for ever fails here, with this message. */
export async function soon<R>(ms: number, answer: Promise<R>): Promise<R> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`There was no answer within ${ms} ms.`)), ms)
  })
  answer.catch(() => {}) // it may still end, when nobody listens any more
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
