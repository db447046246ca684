import { activeMutation, mutate, pathOf } from './mutate.ts'

/** Switches the active mutation on in the sources that Vitest loads. */
export function mutationPlugin(): { name: string; load(id: string): string | undefined } {
  return {
    name: 'stepping-mutation',
    load(id) {
      const mutation = activeMutation()
      return mutation && id === pathOf(mutation) ? mutate(mutation) : undefined
    },
  }
}
