import { sku } from '../business.ts'
import { execute, open, probe } from '../databases/sqlite.ts'
import type { Run, Side } from '../side.ts'
import { looping } from './looping.ts'

export const createBusiness = 'create table business (job int not null, sku text not null)'

const batch = 500

export const handWrittenSqlite: Side = {
  name: 'hand-written-sqlite',
  about: `SQL through better-sqlite3: prepared inserts; a loop claims ${batch} rows with a lease and deletes them`,
  probe: probe('select count(*) as count from outbox'),
  async install(url) {
    execute(
      url,
      createBusiness,
      `create table outbox (
        id integer primary key, payload text not null, step int not null default 0, lease_until real)`,
    )
  },
  async fill(url, jobs) {
    execute(
      url,
      `insert into outbox (payload)
       with recursive numbers as (select 0 as n union all select n + 1 from numbers where n + 1 < ${jobs})
       select '{"job":' || n || '}' from numbers`,
      'analyze',
    )
  },
  async open(url, { steps, run }) {
    const database = open(url)
    const [begin, commit] = ['begin immediate', 'commit'].map((text) => database.prepare(text))
    const insertBusiness = database.prepare('insert into business (job, sku) values (?, ?)')
    const insertOutbox = database.prepare('insert into outbox (payload) values (?)')
    const working = run && looping(1, worker(database, steps, run))
    return {
      async enqueue(job) {
        begin!.run()
        insertBusiness.run(job, sku)
        insertOutbox.run(JSON.stringify({ job }))
        commit!.run()
      },
      async close() {
        await working?.stop()
        database.close()
      },
    }
  },
}

function worker(database: ReturnType<typeof open>, steps: number, run: Run) {
  const leased = "lease_until = unixepoch('subsec') + 10"
  const these = 'where id in (select value from json_each(?))'
  const claim = database.prepare<[], { id: number; payload: string }>(
    `update outbox set ${leased} where id in (
       select id from outbox where lease_until is null or lease_until < unixepoch('subsec')
       order by id limit ${batch})
     returning id, payload`,
  )
  const advance = database.prepare(`update outbox set step = step + 1, ${leased} ${these}`)
  const remove = database.prepare(`delete from outbox ${these}`)
  return async (): Promise<boolean> => {
    const rows = claim.all()
    if (rows.length === 0) return false
    const ids = JSON.stringify(rows.map(({ id }) => id))
    for (let step = 0; step < steps; step++) {
      for (const { payload } of rows) await run(JSON.parse(payload).job, step)
      ;(step + 1 < steps ? advance : remove).run(ids)
    }
    return true
  }
}
