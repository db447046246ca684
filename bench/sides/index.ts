import type { Side } from '../side.ts'

/** Loaded one by one: a process that is measured holds no library but its own. */
const load: Readonly<Record<string, () => Promise<Side>>> = {
  'hand-written': async () => (await import('./hand-written.ts')).handWritten,
  'hand-written-pipeline': async () => (await import('./hand-written.ts')).handWrittenPipeline,
  'hand-written-listen': async () => (await import('./hand-written.ts')).handWrittenListen,
  stepping: async () => (await import('./stepping.ts')).stepping,
  'stepping-pipeline': async () => (await import('./stepping.ts')).steppingPipeline,
  'hand-written-drizzle': async () => (await import('./stepping-drizzle.ts')).handWrittenDrizzle,
  'stepping-drizzle': async () => (await import('./stepping-drizzle.ts')).steppingDrizzle,
  'hand-written-sequelize': async () =>
    (await import('./stepping-sequelize.ts')).handWrittenSequelize,
  'stepping-sequelize': async () => (await import('./stepping-sequelize.ts')).steppingSequelize,
  'graphile-worker': async () => (await import('./graphile-worker.ts')).graphileWorker,
  'pg-boss': async () => (await import('./pg-boss.ts')).pgBoss,
  'pg-boss-notify': async () => (await import('./pg-boss.ts')).pgBossNotify,
  dbos: async () => (await import('./dbos.ts')).dbos,
  openworkflow: async () => (await import('./openworkflow.ts')).openWorkflow,
}

export const sideNames: readonly string[] = Object.keys(load)

export async function sideNamed(name: string): Promise<Side> {
  const found = load[name]
  if (!found) throw new Error(`No side ${name}: ${sideNames.join(', ')}.`)
  return await found()
}
