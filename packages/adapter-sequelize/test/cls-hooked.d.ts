declare module 'cls-hooked' {
  export function createNamespace(name: string): { get(key: string): unknown }
  export function destroyNamespace(name: string): void
}
