import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { mutations } from './mutations.ts'
import type { Mutation } from './mutation.ts'

const root = new URL('../', import.meta.url)

/** One place of the sources, changed. */
export type Change = Omit<Mutation, 'test'>

/** The mutation that the environment switches on, if any. */
export function activeMutation(): Mutation | undefined {
  const name = process.env['STEPPING_MUTATION']
  if (name === undefined) return undefined
  const found = mutations.find((mutation) => mutation.name === name)
  if (found) return found
  throw new Error(`There is no mutation named ${name}.`)
}

export function pathOf(mutation: Change): string {
  return fileURLToPath(new URL(mutation.file, root))
}

/** The source with the defect. */
export function mutate(mutation: Change): string {
  const source = readFileSync(pathOf(mutation), 'utf8')
  const places = source.split(mutation.from).length - 1
  if (places === 1) return source.replace(mutation.from, () => mutation.to)
  throw new Error(
    `The mutation "${mutation.name}" has to change one place of ${mutation.file} and finds ${places}: bring it up to date.`,
  )
}
