import type { ServerName } from '../servers/index.ts'
import type { Side } from '../side.ts'

/** Loaded one by one: a process that is measured holds no library but its own. */
const on: Readonly<Record<ServerName, Readonly<Record<string, () => Promise<Side>>>>> = {
  PostgreSQL: {
    'hand-written': async () => (await import('./hand-written.ts')).handWritten,
    'hand-written-pipeline': async () => (await import('./hand-written.ts')).handWrittenPipeline,
    'hand-written-listen': async () => (await import('./hand-written-listen.ts')).handWrittenListen,
    'hand-written-2-phase': async () => (await import('./two-phase.ts')).handWrittenTwoPhase,
    stepping: async () => (await import('./stepping.ts')).stepping,
    'stepping-pipeline': async () => (await import('./stepping.ts')).steppingPipeline,
    'stepping-2-phase': async () => (await import('./two-phase.ts')).steppingTwoPhase,
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
  },
  MariaDB: {
    'hand-written-mysql2': async () => (await import('./hand-written-mysql2.ts')).handWrittenMysql2,
    'stepping-mysql2': async () => (await import('./stepping-mysql2.ts')).steppingMysql2,
  },
  MongoDB: {
    'hand-written-mongo': async () => (await import('./hand-written-mongo.ts')).handWrittenMongo,
    'stepping-mongo': async () => (await import('./stepping-mongo.ts')).steppingMongo,
  },
  SQLite: {
    'hand-written-sqlite': async () => (await import('./hand-written-sqlite.ts')).handWrittenSqlite,
    'hand-written-drizzle-sqlite': async () =>
      (await import('./stepping-sqlite.ts')).handWrittenDrizzleSqlite,
    'stepping-sqlite': async () => (await import('./stepping-sqlite.ts')).steppingSqlite,
  },
  Redis: {
    bullmq: async () => (await import('./bullmq.ts')).bullmq,
  },
  DTM: {
    'hand-written-dtm': async () => (await import('./hand-written-dtm.ts')).handWrittenDtm,
    'stepping-dtm': async () => (await import('./stepping-dtm.ts')).steppingDtm,
  },
}

export const sideNames: readonly string[] = Object.values(on).flatMap((sides) => Object.keys(sides))

export async function sideNamed(name: string): Promise<Side> {
  return await on[serverOf(name)][name]!()
}

/** What has to run for a side. */
export function serverOf(name: string): ServerName {
  const found = Object.entries(on).find(([, sides]) => name in sides)
  if (!found) throw new Error(`No side ${name}: ${sideNames.join(', ')}.`)
  return found[0] as ServerName
}
