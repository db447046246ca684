/**
 * Made where nothing of the app is around, it runs work there, whoever asks for it: in a microtask
 * of its own. What follows calls through promises (AsyncLocalStorage, and what was there before it,
 * such as cls-hooked, where Sequelize looks for a transaction) then finds nothing. A snapshot of
 * AsyncLocalStorage does that for itself alone.
 */
export function outside(): (work: () => void) => void {
  const waiting: (() => void)[] = []
  let asked = Promise.withResolvers<void>()
  const listen = async (): Promise<void> => {
    await asked.promise
    asked = Promise.withResolvers()
    void listen()
    for (const work of waiting.splice(0)) work()
  }
  void listen()
  return (work) => {
    waiting.push(work)
    asked.resolve()
  }
}
