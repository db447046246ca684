/** So many loops that work, and look again 5 ms later where there was nothing to do. */
export function looping(
  loops: number,
  workOnce: () => Promise<boolean>,
): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const working = Promise.all(Array.from({ length: loops }, loop))
  return {
    async stop() {
      stopping.abort()
      await working
    },
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (!(await workOnce())) await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}
