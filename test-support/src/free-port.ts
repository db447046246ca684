import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * A port that is free now, below the range systems take outgoing ports from. Not from that range, because a client
 * that keeps dialling a stopped server there can be given the server's port for its own end: it then connects to
 * itself, and the server cannot come back.
 *
 * Nobody else gets it from here for a while: many are asked for at once, by several processes, and listened
 * at much later.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    if ((await take(port)) && (await listensNobody(port))) return port
  }
}

const folder = join(tmpdir(), `stepping-ports-${process.getuid?.() ?? 'all'}`)
const whileMs = 1_800_000

/** Whether nobody else took it within that while. */
async function take(port: number): Promise<boolean> {
  const file = join(folder, `${port}`)
  await mkdir(folder, { recursive: true })
  try {
    await writeFile(file, `${process.pid}`, { flag: 'wx' })
    return true
  } catch {
    const taken = await stat(file).catch(() => undefined)
    if (taken && Date.now() - taken.mtimeMs > whileMs) await rm(file, { force: true })
    return false
  }
}

async function listensNobody(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1')
  try {
    await once(probe, 'listening')
  } catch {
    return false
  }
  probe.close()
  await once(probe, 'close')
  return true
}
