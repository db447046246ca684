/** The object with some members replaced. Its own methods do not see that. */
export function overriding<T extends object>(healthy: T, changes: Partial<T>): T {
  return new Proxy(healthy, {
    get(_, name) {
      if (name in changes) return changes[name as keyof T]
      const found: unknown = Reflect.get(healthy, name)
      return typeof found === 'function' ? found.bind(healthy) : found
    },
  })
}
