/**
 * Made where nothing of the app is around, it runs work there, whoever asks for it: in a microtask
 * of its own. What follows calls through promises (AsyncLocalStorage, and what was there before it,
 * such as cls-hooked, where Sequelize looks for a transaction) then finds nothing. A snapshot of
 * AsyncLocalStorage does for that alone.
 */
export function outside(): (work: () => void) => void {
  const waiting: (() => void)[] = []
  let wake = (): void => {}
  const wait = (): void => {
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    void woken.then(() => {
      wait()
      for (const work of waiting.splice(0)) work()
    })
  }
  wait()
  return (work) => {
    waiting.push(work)
    wake()
  }
}
