import { registerHooks } from 'node:module'

/**
 * To be imported before anything else (`--import`). Node reads the package.json of a `.js` file anew for each of them,
 * to learn what kind of module it is. Drizzle's is 180 kB, and Drizzle has hundreds of files: half a second
 * of processor for each process that loads it, of which this leaves a tenth.
 */
registerHooks({
  resolve(specifier, context, next) {
    const { parentURL } = context
    const isOwnFile =
      specifier.startsWith('.') && specifier.endsWith('.js') && parentURL && drizzle.test(parentURL)
    if (!isOwnFile) return next(specifier, context)
    return { url: new URL(specifier, parentURL).href, format: 'module', shortCircuit: true }
  },
})

const drizzle = /\/node_modules\/drizzle-orm\/.*\.js$/
