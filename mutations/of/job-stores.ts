import type { Mutation } from '../mutation.ts'

export const jobStores: readonly Mutation[] = [
  {
    name: 'a lease counts from the beginning of the transaction',
    file: 'packages/self-tm/src/store/postgres/insert.ts',
    from: `clock_timestamp() + \${lease?.leaseMs ?? null}::float8 * interval '1 ms',
      case`,
    to: `now() + \${lease?.leaseMs ?? null}::float8 * interval '1 ms',
      case`,
    test: {
      file: 'packages/self-tm/test/postgres-enlist.test.ts',
      name: 'in a long transaction it counts from the insert',
    },
  },
  {
    name: 'a submit reads all jobs of its app',
    file: 'packages/self-tm/src/store/postgres/insert.ts',
    from: "and state || '' = 'prepared'",
    to: "and state = 'prepared'",
    test: {
      file: 'packages/self-tm/test/postgres-plans.test.ts',
      name: 'a submit and a roll-back look up their rows, although their table was never analysed',
    },
  },
  {
    name: 'a claim is planned for any limit',
    file: 'packages/self-tm/src/store/postgres/claim.ts',
    from: 'order by due_at limit ${atMost(limit)}',
    to: 'order by due_at limit ${limit}::int',
    test: {
      file: 'packages/self-tm/test/postgres-plans.test.ts',
      name: 'a claim that finds many waiting is not planned anew each time',
    },
  },
  {
    name: 'a claim ignores leases',
    file: 'packages/self-tm/src/store/postgres/claim.ts',
    from: `and (lease_until is null or lease_until <= statement_timestamp())
          and`,
    to: 'and',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'a job that is held is not handed out until its lease has run out',
    },
  },
  {
    name: 'an old holder may write',
    file: 'packages/self-tm/src/store/postgres/settle.ts',
    from: 'and j.lease_token = e.token and',
    to: 'and',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'an old holder cannot write that a step',
    },
  },
  {
    name: 'an old holder may finish a job whose row is not kept',
    file: 'packages/self-tm/src/store/postgres/settle.ts',
    from: '(gid, lease_token, cursor) in (select gid, token, cursor from ended)',
    to: '(gid, cursor) in (select gid, cursor from ended)',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'it is not deleted under another token',
    },
  },
  {
    name: 'a finish deletes rows that are kept for late messages',
    file: 'packages/self-tm/src/store/postgres/settle.ts',
    from: 'select place from locked where not keep',
    to: 'select place from locked',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'it is one of a batch of all kinds',
    },
  },
  {
    name: 'an old holder may renew',
    file: 'packages/self-tm/src/store/postgres/claim.ts',
    from: `and j.lease_token = h.token and j.lease_until is not null
        for update
      ) held
      where held.token = h.token`,
    to: 'and j.lease_until is not null for update) held',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'an old holder does not prolong the lease of the new one',
    },
  },
  {
    name: 'what was not written counts as written',
    file: 'packages/self-tm/src/store/was-written.ts',
    from: 'if (row.token !== settlement.token) return false',
    to: '',
    test: {
      file: 'packages/self-tm/src/store/was-written.test.ts',
      name: 'another holder has gone as far: it was not this one’s',
    },
  },
  {
    name: 'what was written before counts as lost',
    file: 'packages/self-tm/src/store/was-written.ts',
    from: 'return row.cursor === settlement.cursor + 1',
    to: 'return false',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'repeated after a lost answer',
    },
  },
  {
    name: 'a completion is written at any cursor',
    file: 'packages/self-tm/src/store/postgres/settle.ts',
    from: `and j.cursor = e.cursor
`,
    to: `
`,
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'is refused at another cursor than the row has',
    },
  },
  {
    name: 'an ending that a renewal came before counts as lost',
    file: 'packages/self-tm/src/store/settle-batch.ts',
    from: 'else if (isStillHeld(settlement, row)) again.push(settlement)',
    to: '',
    test: {
      file: 'packages/self-tm/test/postgres-concurrency.test.ts',
      name: 'an ending that had to wait for a renewal of its lease is written',
    },
  },
  {
    name: 'a job by hand is left for the COMMIT, where another one takes its place',
    file: 'packages/self-tm/src/store/sql-job-store.ts',
    from: ' && !job.byHand',
    to: '',
    test: {
      file: 'packages/adapter-pg/test/forms.test.ts',
      name: 'outbox, > has a further job done that was tied to it by hand',
    },
  },
  {
    name: 'a job is inserted with the COMMIT however late it is',
    file: 'packages/self-tm/src/store/postgres/insert.ts',
    from: `is not null and clock_timestamp() < to_timestamp(\${job.notAfter}::float8 / 1000) then`,
    to: `is not null and \${job.notAfter}::float8 > 0 then`,
    test: {
      file: 'packages/self-tm/test/postgres-enlist.test.ts',
      name: 'a job that comes too late is refused',
    },
  },
  {
    name: 'an error’s text goes into the database as it is',
    file: 'packages/self-tm/src/store/job-rows.ts',
    from: `settlement.error.replaceAll('\\0', '\\uFFFD').toWellFormed()`,
    to: 'settlement.error',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'an error text with a NUL does not fail the others of its batch',
    },
  },
  {
    name: 'rows are locked in the order in which they lie',
    file: 'packages/self-tm/src/store/postgres/settle.ts',
    from: 'order by gid',
    to: '',
    test: {
      file: 'packages/self-tm/test/postgres-concurrency.test.ts',
      name: 'a heartbeat and a batch of ended steps in opposite orders do not deadlock',
    },
  },
  {
    name: 'on SQLite an old holder may finish a job whose row is not kept',
    file: 'packages/self-tm/src/store/sqlite/settle.ts',
    from: 'on j.gid = e.gid and j.lease_token = e.token and',
    to: 'on j.gid = e.gid and',
    test: {
      file: 'packages/self-tm/test/sqlite-job-store.test.ts',
      name: 'it is not deleted under another token',
    },
  },
  {
    name: 'on SQLite a finish deletes rows that are kept for late messages',
    file: 'packages/self-tm/src/store/sqlite/settle.ts',
    from: "j.state in ('prepared', 'submitted') and not j.keep",
    to: "j.state in ('prepared', 'submitted')",
    test: {
      file: 'packages/self-tm/test/sqlite-job-store.test.ts',
      name: 'it is one of a batch of all kinds',
    },
  },
  {
    name: 'on SQLite a finish of which the row is kept is not written',
    file: 'packages/self-tm/src/store/sqlite/settle.ts',
    from: 'if (changes.length > 0 || written === settlements.length) return written',
    to: 'if (written >= 0) return written',
    test: {
      file: 'packages/self-tm/test/sqlite-job-store.test.ts',
      name: 'finished: a job that may be sent again stays',
    },
  },
  {
    name: 'every finished row is deleted',
    file: 'packages/self-tm/src/store/job-content.ts',
    from: 'return inTransaction && !job.callerGid && !job.byHand',
    to: 'return true',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'arriving after it finished does not start it again',
    },
  },
  {
    name: 'a submit creates what was never prepared',
    file: 'packages/self-tm/src/store/sql-job-store.ts',
    from: 'return job.database ? await this.#submitPrepared(job, lease) : await this.#create(job, lease)',
    to: 'return await this.#create(job, lease)',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'submit never creates a job that its database decides about',
    },
  },
  {
    name: 'a prepare under a committed gid is taken for its repeat',
    file: 'packages/self-tm/src/store/job-content.ts',
    from: `if (stored.state === 'prepared') return assertSameContent(gid, stored, sent)`,
    to: `if (stored.state !== 'rolledBack') return assertSameContent(gid, stored, sent)`,
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'a prepare under the gid of a job that is committed is refused',
    },
  },
  {
    name: 'jobs of unknown steps are claimed',
    file: 'packages/self-tm/src/store/postgres/claim.ts',
    from: `
          and (state = 'prepared' or next_step in \${names})
        order by due_at`,
    to: `
        order by due_at`,
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'a job is handed out only to those that know its next step',
    },
  },
  {
    name: 'a cancel ends a job that somebody runs',
    file: 'packages/self-tm/src/store/postgres/ledger.ts',
    from: 'and (lease_until is null or lease_until <= clock_timestamp()) and durable is not null',
    to: 'and durable is not null',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'leaves a job alone that somebody holds',
    },
  },
  {
    name: 'a failure overwrites an operator’s retry',
    file: 'packages/self-tm/src/store/postgres/settle.ts',
    from: `when e.to in ('retried', 'parked') and j.retry_now then clock_timestamp()`,
    to: '',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'outlives the failure of the attempt that ran meanwhile',
    },
  },
  {
    name: 'a job that has moved to the history is not found',
    file: 'packages/self-tm/src/store/postgres/ledger.ts',
    from: `from \${tables.table('history')} where gid = \${gid}::text`,
    to: `from \${tables.table('history')} where false and gid = \${gid}::text`,
    test: {
      file: 'packages/self-tm/test/postgres-enlist.test.ts',
      name: 'history > shows a job that is done, with all its steps',
    },
  },
  {
    name: 'a claim on MongoDB takes the jobs of another claim for its own',
    file: 'packages/self-tm/src/store/mongo/claim.ts',
    from: 'const filter = { _id: { $in: gids }, write_id: claimId }',
    to: 'const filter = { _id: { $in: gids }, lease_owner: request.owner }',
    test: {
      file: 'packages/self-tm/test/mongo-concurrency.test.ts',
      name: 'tells its own from those of another claim of the same process',
    },
  },
  {
    name: 'a job whose insert was sent twice is a duplicate of itself on MongoDB',
    file: 'packages/self-tm/src/store/mongo/mongo-job-store.ts',
    from: `inserted: row['write_id'] === writeId`,
    to: `inserted: (reply as { lastErrorObject?: { updatedExisting?: boolean } }).lastErrorObject?.updatedExisting === false`,
    test: {
      file: 'packages/self-tm/test/mongo-repeated.test.ts',
      name: 'hands it out with the same write when a lease is asked for',
    },
  },
  {
    name: 'a heartbeat on MySQL waits for jobs whose transactions are open',
    file: 'packages/self-tm/src/store/mysql/claim.ts',
    from: 'if (seen.length === 0) return []',
    to: 'if (seen.length === 0) seen.push(...held.map(({ gid, token }) => ({ gid, lease_token: token })))',
    test: {
      file: 'packages/self-tm/test/mysql-enlist.test.ts',
      name: 'before the commit a renewal finds nothing',
    },
  },
  {
    name: 'a batch of which a part was written counts as written',
    file: 'packages/self-tm/src/store/settle-batch.ts',
    from: '(await write(batch)) === batch.length',
    to: '(await write(batch)) > 0',
    test: {
      file: 'packages/self-tm/test/mysql-concurrency.test.ts',
      name: 'a batch of which some are lost says of each what it is',
    },
  },
  {
    name: 'a stream that was ended, and the next one, take both connections of a client',
    file: 'packages/self-tm/src/store/mongo/mongo-job-store.ts',
    from: ' && database.maxPoolSize >= smallestPool',
    to: '',
    test: {
      file: 'packages/self-tm/test/mongo-listen.test.ts',
      name: 'with few connections the stream goes on',
    },
  },
  {
    name: 'a lease makes its row grow',
    file: 'packages/self-tm/src/store/mysql/migrations.ts',
    from: ' row_format=redundant',
    to: '',
    test: {
      file: 'packages/self-tm/test/mysql-rows.test.ts',
      name: 'a lease is written over a row where it stands',
    },
  },
  {
    name: 'what one half of a claim took is forgotten when the other half fails',
    file: 'packages/self-tm/src/store/mongo/claim.ts',
    from: 'if (failures.length === answers.length)',
    to: 'if (failures.length > 0)',
    test: {
      file: 'packages/self-tm/src/store/mongo/claim.test.ts',
      name: 'what the other half took is handed out when number 1 fails',
    },
  },
]
