import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { activeMutation, mutate, pathOf } from './mutate.ts'

// For the processes that tests start: they load the sources by node itself.
const mutation = activeMutation()
const url = mutation && pathToFileURL(pathOf(mutation)).href

registerHooks({
  load(each, context, next) {
    const loaded = next(each, context)
    return each === url ? { ...loaded, source: mutate(mutation!) } : loaded
  },
})
