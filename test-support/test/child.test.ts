import { describe, expect, test } from 'vitest'
import { runChild, type Child } from '../src/child.ts'
import { isRunning } from '../src/process-tree.ts'

const talker = new URL('children/talker.ts', import.meta.url)

test('gives the lines it printed, before and after the call, and its exit', async () => {
  const child = runChild(talker, { args: ['go'], env: { TALKER: 'set' } })
  await expect(child.line((line) => line.startsWith('variable'))).resolves.toBe('variable set')
  await expect(child.line((line) => line.startsWith('argument'))).resolves.toBe('argument go')
  await expect(child.exit).resolves.toEqual({ code: 3, signal: null })
})

test('a line that never comes is an error with all output', async () => {
  const child = runChild(talker, { args: ['go'] })
  await expect(child.line((line) => line === 'nothing')).rejects.toThrow(
    /ended \(code 3\).*argument go.*a complaint/s,
  )
})

test('can be killed', async () => {
  const child = runChild(talker, { args: ['stay'] })
  await child.line((line) => line.startsWith('argument'))
  child.kill()
  await expect(child.exit).resolves.toEqual({ code: null, signal: 'SIGKILL' })
})

describe('a child that is left running', () => {
  let left: Child
  test('starts', async () => {
    left = runChild(talker, { args: ['stay'] })
    await left.line((line) => line.startsWith('argument'))
  })

  test('ended with that test', async () => {
    await expect(left.exit).resolves.toMatchObject({ signal: 'SIGKILL' })
    expect(await isRunning(left.pid)).toBe(false)
  })
})
