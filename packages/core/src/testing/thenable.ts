/** The same promise, as one that is no instance of this realm's `Promise`. */
export function thenable<T>(value: T | Promise<T>): Promise<T> {
  const promise = Promise.resolve(value)
  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is for
  return { then: promise.then.bind(promise) } as Promise<T>
}
