import { setTimeout as delay } from 'node:timers/promises'
import type { Scenario, Sides } from '../scenario.ts'

const seconds = 20

/** What the server counts while a process waits for work that does not come. */
export function idle(sides: Sides): Scenario {
  return {
    name: 'idle',
    title: `Statements of one process that waits for work, over ${seconds} s`,
    unit: 'statements/s',
    rounds: 1,
    sides,
    async measure({ side, url }) {
      await side.install(url)
      const read = await side.probe.meter!(url)
      const open = await side.open(url, { connections: 10, steps: 1, run: () => {} })
      await delay(5_000)
      const before = await read()
      await delay(seconds * 1_000)
      const after = await read()
      await open.close()
      return { 'statements/s': (after.statements! - before.statements!) / seconds }
    },
  }
}
