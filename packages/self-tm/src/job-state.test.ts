import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { isOver, legalMoves } from './job-state.ts'
import type { JobState } from '@stepping/core'

const states = Object.keys(legalMoves) as JobState[]

async function arrows(): Promise<(readonly [from: string, to: string])[]> {
  const page = await readFile(new URL('../../../docs/job-states.md', import.meta.url), 'utf8')
  const [, diagram = ''] = /```mermaid\n(.*?)```/s.exec(page) ?? []
  return [...diagram.matchAll(/^ *(\S+) --> (\S+)/gm)].map((match) => [match[1]!, match[2]!])
}

test('docs/job-states.md draws the legal moves, and no other', async () => {
  const drawn = (await arrows()).filter((arrow) => !arrow.includes('[*]')).map(String)
  const legal = states.flatMap((from) => legalMoves[from].map((to) => String([from, to])))
  expect(drawn.toSorted()).toEqual(legal.toSorted())
})

test('docs/job-states.md ends in the states that are over', async () => {
  const ends = (await arrows()).filter(([, to]) => to === '[*]').map(([from]) => from)
  expect(ends.toSorted()).toEqual(states.filter(isOver).toSorted())
})
