import type { JobStore } from '@stepping/self-tm'

/** The store, with some of its methods replaced. */
export function storeWith(store: JobStore, replaced: Partial<JobStore>): JobStore {
  return new Proxy(store, {
    get(target, name) {
      if (name in replaced) return replaced[name as keyof JobStore]
      const found: unknown = Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}
