export { acme } from './acme.ts'
export type { AcmeOptions } from './acme.ts'
