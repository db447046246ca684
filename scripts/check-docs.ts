/**
 * `pnpm check:docs`: what the pages say can be relied on. Every ```ts block compiles against the sources (a block is a
 * module of its own, unless `<!-- continues -->` above it joins it to the one before), those marked `<!-- run -->` run
 * and end with code 0, links lead to files and headings that exist, and a test named after a link is in that file.
 */
import { glob } from 'node:fs/promises'
import { checkLinks } from './docs/links.ts'
import { readPage } from './docs/page.ts'
import { checkSamples } from './docs/samples.ts'

const places = ['*.md', 'docs/**/*.md', 'packages/*/README.md', 'examples/**/README.md']

const paths: string[] = []
for await (const path of glob(places, { exclude: ['**/node_modules/**'] })) paths.push(path)
const pages = await Promise.all(paths.toSorted().map((path) => readPage(path)))
const problems = [...(await checkLinks(pages)), ...(await checkSamples(pages))]
for (const problem of problems) console.error(problem)
const samples = pages.flatMap((page) => page.samples)
const ran = samples.filter((sample) => sample.run).length
console.log(`${pages.length} pages, ${samples.length} samples, ${ran} of them programs`)
process.exitCode = problems.length > 0 ? 1 : 0
