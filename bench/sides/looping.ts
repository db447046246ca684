/** So many loops that work, and look again 5 ms later where there was nothing to do. */
export function looping(
  loops: number,
  workOnce: () => Promise<boolean>,
): { stop(): Promise<void> } {
  let stopped = false
  const working = Promise.all(Array.from({ length: loops }, loop))
  return {
    async stop() {
      stopped = true
      await working
    },
  }

  async function loop(): Promise<void> {
    while (!stopped) {
      if (!(await workOnce())) await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}
