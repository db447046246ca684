declare module 'cls-hooked' {
  export function createNamespace(name: string): { get(key: string): unknown }
}
