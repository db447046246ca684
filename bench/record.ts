import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { Measured } from './rounds.ts'

/** One scenario as it was measured last. */
export interface MeasuredOnce extends Omit<Measured, 'scenario'> {
  readonly date: string
  readonly machine: string
  readonly rounds: number
  readonly scale: number
}

/** What is kept between runs. */
export interface Kept {
  /** Of each server, as it says itself. */
  readonly settings: readonly string[]
  readonly scenarios: { readonly [name: string]: MeasuredOnce }
}

const file = new URL('results/latest.json', import.meta.url)

export async function readRecord(): Promise<Kept> {
  const text = await readFile(file, 'utf8').catch(() => '{"settings":[],"scenarios":{}}')
  return JSON.parse(text) as Kept
}

export async function writeRecord(record: Kept): Promise<void> {
  await mkdir(new URL('.', file), { recursive: true })
  await writeFile(file, `${JSON.stringify(record, undefined, 1)}\n`)
}
