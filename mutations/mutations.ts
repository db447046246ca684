/**
 * A defect that a naive build has, as a change of one place in the sources, and the test that has
 * to notice it.
 */
export interface Mutation {
  /** What the code then does wrong. */
  readonly name: string
  /** From the root of the workspace. */
  readonly file: string
  /** Stands exactly once in the file. */
  readonly from: string
  readonly to: string
  readonly test: {
    readonly file: string
    /** Part of its name, or of several; ` > ` stands before what is described in it. */
    readonly name: string
  }
}

export const mutations: readonly Mutation[] = [
  {
    name: 'a job runs although nobody proved that its row was committed',
    file: 'packages/self-tm/src/job-run.ts',
    from: 'if (!proven && !(await this.#isCommitted())) return',
    to: '',
    test: {
      file: 'packages/self-tm/src/job-run-lease.test.ts',
      name: 'does not run when its row is not there',
    },
  },
  {
    name: 'a commit without proof is submitted unasked',
    file: 'packages/core/src/binding.ts',
    from: 'submit(parts, job, proven ? undefined : context)',
    to: 'submit(parts, job, undefined)',
    test: {
      file: 'packages/core/src/transaction.test.ts',
      name: 'a commit without proof > that was a roll-back rejects, and drops the job',
    },
  },
  {
    name: 'a transaction that Drizzle calls committed is taken for committed',
    file: 'packages/adapter-drizzle/src/drizzle-postgres.ts',
    from: `if (tag === undefined || tag === 'COMMIT') return`,
    to: 'return',
    test: {
      file: 'packages/adapter-drizzle/test/transaction.test.ts',
      name: 'a transaction over node-postgres > rejects when the error of a failed statement was swallowed',
    },
  },
  {
    name: 'a commit counts as proven whatever came after our statement',
    file: 'packages/sql/src/node-postgres/transaction-watch.ts',
    from: 'answers === mine + 1 && ',
    to: '',
    test: {
      file: 'packages/adapter-drizzle/test/transaction.test.ts',
      name: 'proves nothing when another statement came after ours',
    },
  },
  {
    name: 'the user’s submit is trusted',
    file: 'packages/core/src/job-handle.ts',
    from: `if (outcome === 'committed') return await binding.committed()`,
    to: 'return await binding.committed()',
    test: {
      file: 'packages/core/src/job-by-hand.test.ts',
      name: 'a job by hand whose transaction reaches the store > is given up when its transaction rolled back',
    },
  },
  {
    name: 'a rejected transaction’s job is dropped unasked',
    file: 'packages/core/src/binding.ts',
    from: `if (outcome === 'committed') await parts.tm.submit(job)
    else await abort(parts, job)`,
    to: 'await abort(parts, job)',
    test: {
      file: 'packages/core/src/transaction.test.ts',
      name: 'a rejected commit > of which only the reply was lost has the job submitted',
    },
  },
  {
    name: 'the commit does not wait for the prepare',
    file: 'packages/core/src/binding.ts',
    from: 'await prepare(tm, job, onUntouched)',
    to: 'void prepare(tm, job, onUntouched).catch(() => {})',
    test: { file: 'packages/core/src/transaction.test.ts', name: 'what fails before the commit' },
  },
  {
    name: 'a rejected barrier may be tried again',
    file: 'packages/core/src/job-handle.ts',
    from: 'repeatable = false',
    to: '',
    test: {
      file: 'packages/core/src/job-by-hand.test.ts',
      name: 'may not be repeated after the barrier was rejected',
    },
  },
  {
    name: 'a handle whose connection another transaction uses is usable',
    file: 'packages/adapter-drizzle/src/node-postgres.ts',
    from: 'if (connection.release !== checkout) {',
    to: 'if (false as boolean) {',
    test: {
      file: 'packages/adapter-drizzle/test/context.test.ts',
      name: 'a transaction that is over, over node-postgres',
    },
  },
  {
    name: 'a finished or failed transaction is usable',
    file: 'packages/adapter-drizzle/src/node-postgres.ts',
    from: 'const status = connection.getTransactionStatus?.()',
    to: `const status = 'T' as string`,
    test: {
      file: 'packages/adapter-drizzle/test/context.test.ts',
      name: 'a context over node-postgres > is refused when',
    },
  },
  {
    name: 'a transaction of another database is usable',
    file: 'packages/adapter-drizzle/src/drizzle-postgres.ts',
    from: 'if ((tx as unknown as Internals).dialect === (db as Internals).dialect) return',
    to: 'return',
    test: {
      file: 'packages/adapter-drizzle/test/context.test.ts',
      name: `a context over node-postgres > of another database's transaction is refused`,
    },
  },
  {
    name: 'a pool is taken for a transaction',
    file: 'packages/adapter-drizzle/src/drizzle-postgres.ts',
    from: `if (!isKind(tx, 'PgTransaction')) {`,
    to: 'if (false as boolean) {',
    test: {
      file: 'packages/adapter-drizzle/test/context.test.ts',
      name: 'a context over node-postgres > of the database itself is refused',
    },
  },
  {
    name: 'a single client is taken for a pool',
    file: 'packages/adapter-drizzle/src/node-postgres.ts',
    from: `if (typeof pool?.totalCount !== 'number') {`,
    to: 'if (false as boolean) {',
    test: {
      file: 'packages/adapter-drizzle/test/context.test.ts',
      name: 'drizzlePostgres > refuses Drizzle over a single client',
    },
  },
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
    name: 'a lease’s holder trusts it for ever',
    file: 'packages/self-tm/src/lease.ts',
    from: 'return !this.signal.aborted && monotonicMs() < this.#deadline',
    to: 'return !this.signal.aborted',
    test: {
      file: 'packages/self-tm/src/lease.test.ts',
      name: 'is not held after its deadline although the timer is late',
    },
  },
  {
    name: 'a lease counts from the answer',
    file: 'packages/self-tm/src/settler.ts',
    from: 'each.resolve({ result, sentAtMs: each.sentAtMs! })',
    to: 'each.resolve({ result, sentAtMs: monotonicMs() })',
    test: {
      file: 'packages/self-tm/src/settler.test.ts',
      name: 'a caller learns its own result and when the statement was sent',
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
    from: 'j.lease_token = e.token and j.cursor = e.cursor',
    to: 'j.cursor = e.cursor',
    test: {
      file: 'packages/self-tm/test/postgres-job-store.test.ts',
      name: 'an old holder cannot write that a step',
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
    name: 'a process begins its own stalled job a second time',
    file: 'packages/self-tm/src/worker.ts',
    from: 'if (!(await endsWithin(old.over, leaseMs / 3))) return await this.#giveBack(claim, leaseMs)',
    to: 'break',
    test: {
      file: 'packages/self-tm/src/worker-lease.test.ts',
      name: 'gives it back while the attempt before goes on in spite of its signal',
    },
  },
  {
    name: 'a process that claims its own stalled job twice begins it twice',
    file: 'packages/self-tm/src/worker.ts',
    from: 'old; old = this.#runs.get(claim.gid)',
    to: 'old; old = undefined',
    test: {
      file: 'packages/self-tm/src/worker-lease.test.ts',
      name: 'makes one attempt at a time also when it claims it twice before the first one has ended',
    },
  },
  {
    name: 'the next step begins before the completion is durable',
    file: 'packages/self-tm/src/job-run.ts',
    from: `if (!(await this.#goOn({ to: 'advanced', nextStep: next.name, leaseMs }))) return false`,
    to: `void this.#goOn({ to: 'advanced', nextStep: next.name, leaseMs })`,
    test: {
      file: 'packages/self-tm/src/job-run.test.ts',
      name: 'a step does not begin before the completion of the one before it is durable',
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
    from: ` and j.cursor = e.cursor
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
    file: 'packages/self-tm/src/store/sql-job-store.ts',
    from: 'else if (isStillHeld(settlement, row)) again.push(settlement)',
    to: '',
    test: {
      file: 'packages/self-tm/test/postgres-concurrency.test.ts',
      name: 'an ending that had to wait for a renewal of its lease is written',
    },
  },
  {
    name: 'BEGIN is answered before the statement that it is sent with',
    file: 'packages/adapter-pg/src/together.ts',
    from: 'endWith(query, (wire) => wire.execute({}))',
    to: `endWith(query, (wire) => {
    wire.execute({})
    wire.sync()
  })`,
    test: {
      file: 'packages/adapter-pg/test/together.test.ts',
      name: 'a BEGIN that is refused > with pipeline: true, has nothing of its work stored',
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
    name: 'one row that is refused fails its whole batch',
    file: 'packages/self-tm/src/settler.ts',
    from: 'for (const each of batch) await this.#write([each])',
    to: 'for (const each of batch) each.reject(error)',
    test: {
      file: 'packages/self-tm/src/settler.test.ts',
      name: 'one ending that the store refuses does not fail the others of its batch',
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
    name: 'rows are locked in the order of the batch',
    file: 'packages/self-tm/src/store/postgres/settle.ts',
    from: 'order by gid collate "C"',
    to: '',
    test: {
      file: 'packages/self-tm/test/postgres-concurrency.test.ts',
      name: 'batches that share rows in opposite orders do not deadlock',
    },
  },
  {
    name: 'commits are not made durable',
    file: 'packages/sql/src/postgres/durable.ts',
    from: `when 'off' then 'on' else`,
    to: `when 'off' then 'off' else`,
    test: {
      file: 'test-e2e/crash/outage.test.ts',
      name: 'a server killed right after a commit with synchronous_commit off still has the job',
    },
  },
  {
    name: 'a late barrier row is written',
    file: 'packages/sql/src/postgres/barrier.ts',
    from: 'from guard where timely and open and same and durable is not null',
    to: 'from guard where open and same and durable is not null',
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > a row that comes too late is refused',
    },
  },
  {
    name: 'a late question is answered',
    file: 'packages/sql/src/postgres/barrier.ts',
    from: `from guard where timely and same
`,
    to: `from guard where same
`,
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > a question that comes too late is not answered',
    },
  },
  {
    name: 'another database answers',
    file: 'packages/sql/src/postgres/barrier.ts',
    from: `from guard where timely and same
`,
    to: `from guard where timely
`,
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > a database that took the name of another does not answer for it',
    },
  },
  {
    name: 'a decided gid may be committed',
    file: 'packages/sql/src/sql-database.ts',
    from: `if (found === 'inserted') return
        if (found === 'lost')`,
    to: `if (found !== 'expired') return
        if (found === 'lost')`,
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > decided as rolled back, a late transaction cannot commit',
    },
  },
  {
    name: 'asking waits for the open transaction',
    file: 'packages/sql/src/postgres/barrier.ts',
    from: `set_config('lock_timeout', '100ms', true), set_config('statement_timeout', '2s', true)`,
    to: `set_config('lock_timeout', '20s', true)`,
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > while it is open nothing is decided, and the asker is told soon',
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
    name: 'a gid of the caller leaves no barrier row',
    file: 'packages/core/src/binding.ts',
    from: 'if (job.byHand || job.callerGid) await insertBarrier()',
    to: 'if (job.byHand) await insertBarrier()',
    test: {
      file: 'packages/core/src/transaction.test.ts',
      name: 'that is enlisted with the gid of the caller writes the barrier that refuses a second one',
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
    name: 'committed barrier rows go by age alone',
    file: 'packages/core/src/prune.ts',
    from: `reason === 'rollback' || reason === 'empty' || over.has(gid)`,
    to: 'reason !== gid',
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > a commit goes when it is old and its job is known to be over',
    },
  },
  {
    name: 'a second once in a step vanishes',
    file: 'packages/core/src/once.ts',
    from: 'if (used.has(place)) {',
    to: 'if (false as boolean) {',
    test: {
      file: 'packages/core/src/once.test.ts',
      name: 'two uses of once in one step > of one database need keys of their own',
    },
  },
  {
    name: 'once runs again',
    file: 'packages/core/src/once.ts',
    from: 'if (stored) return',
    to: 'if (false as boolean) return',
    test: {
      file: 'packages/core/src/once.test.ts',
      name: 'is not done by a later one, which gets the stored value',
    },
  },
  {
    name: 'an attempt that is over may still take a once',
    file: 'packages/sql/src/postgres/once.ts',
    from: 'from guard where timely and durable is not null',
    to: 'from guard where durable is not null',
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > an attempt whose time is over takes nothing',
    },
  },
  {
    name: 'once rows of other apps are cleaned',
    file: 'packages/sql/src/postgres/prune.ts',
    from: `where over_at is null and owner = \${owner}::text`,
    to: 'where over_at is null',
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > a once row of this owner goes though another owner has the gid too',
    },
  },
  {
    name: 'jobs of unknown steps are claimed',
    file: 'packages/self-tm/src/store/postgres/claim.ts',
    from: `
        and (state = 'prepared' or next_step in \${names})
      order by due_at limit \${limit}::int`,
    to: `
      order by due_at limit \${limit}::int`,
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
    name: 'a transaction inside a transaction is opened',
    file: 'packages/core/src/nesting.ts',
    from: 'if (!isInside(database) || (independent && alone === undefined)) return',
    to: 'return',
    test: {
      file: 'packages/core/src/nesting.test.ts',
      name: 'of the same database is refused, with what to do instead',
    },
  },
  {
    name: 'a lost transaction’s callback ends another transaction',
    file: 'packages/adapter-drizzle/src/drizzle-postgres.ts',
    from: `if (progress.over) return await never()
            progress.thrown`,
    to: 'progress.thrown',
    test: {
      file: 'packages/adapter-drizzle/test/lost-connection.test.ts',
      name: 'a callback that outlives its connection does not end another transaction',
    },
  },
  {
    name: 'a connection in an open transaction goes back to its pool',
    file: 'packages/sql/src/node-postgres/lost-connections.ts',
    from: `if (status === 'T' || status === 'E') void`,
    to: 'if (false as boolean) void',
    test: {
      file: 'packages/adapter-drizzle/test/lost-connection.test.ts',
      name: 'a connection given back in a transaction is not used again',
    },
  },
  {
    name: 'a barrier row is written in another database',
    file: 'packages/sql/src/postgres/barrier.ts',
    from: 'from guard where timely and open and same and durable is not null',
    to: 'from guard where timely and open and durable is not null',
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > a row is refused by a database with another identity',
    },
  },
  {
    name: 'a job is stored before the barrier that may refuse it',
    file: 'packages/core/src/binding.ts',
    from: 'if (job.byHand || job.callerGid) await insertBarrier()',
    to: 'void 0',
    test: {
      file: 'packages/core/src/job-by-hand.test.ts',
      name: 'is not stored when its barrier was rejected, whatever becomes of the transaction',
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
    name: 'an insert that was sent after the ROLLBACK commits by itself',
    file: 'packages/sql/src/postgres/open-transaction.ts',
    from: `if (token === undefined) return`,
    to: 'return',
    test: {
      file: 'packages/adapter-drizzle/test/not-awaited.test.ts',
      name: 'over node-postgres, outbox: a prepare that races',
    },
  },
  {
    name: 'a gid that is used leaves a prepared job behind',
    file: 'packages/core/src/binding.ts',
    from: 'if (!enlistment && job.callerGid) {',
    to: 'if (false as boolean) {',
    test: {
      file: 'packages/core/src/transaction.test.ts',
      name: 'refuses a second one that but has a step, of which nothing is left',
    },
  },
  {
    name: 'a gid that was used without a job is answered as committed',
    file: 'packages/sql/src/resolve.ts',
    from: `if (reason === 'rollback' || reason === 'empty') return 'rolledBack'`,
    to: `if (reason === 'empty') return 'committed'
    if (reason === 'rollback') return 'rolledBack'`,
    test: {
      file: 'packages/sql/src/resolve.test.ts',
      name: 'with the reason empty is rolledBack',
    },
  },
  {
    name: 'a gid that was used without a job is written as that of a job',
    file: 'packages/sql/src/sql-database.ts',
    from: 'insertBarrier(tables, execute, key, open, as)',
    to: `insertBarrier(tables, execute, key, open, 'msg')`,
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > a used gid > is answered rolled back',
    },
  },
  {
    name: 'a job of its own is started inside a transaction that may roll back',
    file: 'packages/core/src/job-handle.ts',
    from: 'if (!this.#independent) assertNoTransaction(this.gid)',
    to: '',
    test: {
      file: 'packages/core/src/job-alone.test.ts',
      name: 'is refused inside the transaction of once',
    },
  },
  {
    name: 'the database of another tenant is taken',
    file: 'packages/core/src/tenant-databases.ts',
    from: 'if (ref?.name === this.name && ref.tenant === tenant) return found',
    to: 'if (ref) return found',
    test: {
      file: 'packages/core/src/tenant-databases.test.ts',
      name: 'is refused when it is of another tenant, and not remembered',
    },
  },
  {
    name: 'a tenant that could not be resolved once is never asked for again',
    file: 'packages/core/src/tenant-databases.ts',
    from: 'if (this.#tenants.get(tenant) === known) this.#tenants.delete(tenant)',
    to: '',
    test: {
      file: 'packages/adapter-drizzle/test/tenants.test.ts',
      name: 'a prepared job whose tenant > cannot be looked up stays prepared',
    },
  },
  {
    name: 'a gid that was used without a job is kept for ever',
    file: 'packages/core/src/prune.ts',
    from: `|| reason === 'empty'`,
    to: '',
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > a used gid > goes when it is old',
    },
  },
  {
    name: 'a command on MongoDB may land in the next transaction of its session',
    file: 'packages/adapter-mongo/src/open-transaction.ts',
    from: '      assertNotLost()\n      return false',
    to: '      return false',
    test: {
      file: 'packages/adapter-mongo/test/not-awaited.test.ts',
      name: 'with the newest driver, > does not get into the next transaction of its session',
    },
  },
  {
    name: 'a command on MongoDB may commit by itself',
    file: 'packages/adapter-mongo/src/open-transaction.ts',
    from: 'guarded(command, assertNotLost)',
    to: 'command',
    test: {
      file: 'packages/adapter-mongo/test/not-awaited.test.ts',
      name: 'with the newest driver, > is refused by the server should a driver look',
    },
  },
  {
    name: 'an abort in the callback, after which the driver resolves, is taken for a commit',
    file: 'packages/adapter-mongo/src/transactions.ts',
    from: 'assertLeftOpen(run!)',
    to: '',
    test: {
      file: 'packages/adapter-mongo/test/transaction.test.ts',
      name: 'by an abort rejects as rolled back, where the driver resolves',
    },
  },
  {
    name: 'a commit that one server confirmed, and an election can undo, is proven',
    file: 'packages/adapter-mongo/src/transactions.ts',
    from: `if (w === 'majority') `,
    to: '',
    test: {
      file: 'packages/adapter-mongo/test/transaction.test.ts',
      name: 'is not there when the user has one server confirm it only',
    },
  },
  {
    name: 'a commit on MongoDB that nobody answered is called a roll-back',
    file: 'packages/adapter-mongo/src/transactions.ts',
    from: "return outcomeUnknown(\n    'The connection was lost",
    to: "return rolledBack(\n    'The connection was lost",
    test: {
      file: 'packages/adapter-mongo/test/transaction.test.ts',
      name: 'is unknown when the server is gone',
    },
  },
  {
    name: 'a barrier of MongoDB without its validator accepts rows for another database',
    file: 'packages/adapter-mongo/src/migration.ts',
    from: 'if (unique && isSame(await validatorOf(barrier, run), barrierValidator(identity))) return',
    to: 'if (unique) return',
    test: {
      file: 'packages/adapter-mongo/test/migrate.test.ts',
      name: 'restores the validator, without which the database is refused',
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
    name: 'an insert on MariaDB does not look whether a transaction is open',
    file: 'packages/sql/src/mysql/open-transaction.ts',
    from: `rawSql('/*M! and @@in_transaction = 1 */')`,
    to: `rawSql('')`,
    test: {
      file: 'packages/adapter-mysql2/test/deadlock.test.ts',
      name: 'no barrier is written, and the transaction is not taken for committed',
    },
  },
  {
    name: 'a transaction of the user’s own on MySQL is not told from the next one on its connection',
    file: 'packages/sql/src/mysql/open-transaction.ts',
    from: 'if (token === undefined) return',
    to: 'return',
    test: {
      file: 'packages/adapter-mysql2/test/not-awaited.test.ts',
      name: 'is refused also when the connection is in the next transaction by then',
    },
  },
  {
    name: 'a COMMIT of mysql2 that had nothing to commit is taken for one',
    file: 'packages/sql/src/mysql2/transaction.ts',
    from: 'if (!guard.isUntouched()) await guard.assertOpen()',
    to: '',
    test: {
      file: 'packages/adapter-mysql2/test/deadlock.test.ts',
      name: 'a transaction that wrote no barrier is not taken for committed',
    },
  },
  {
    name: 'a transaction that a session of mysql2 began by itself is taken for the one before',
    file: 'packages/sql/src/mysql2/transaction.ts',
    from: 'await guard.assertMarked()',
    to: '',
    test: {
      file: 'packages/adapter-mysql2/test/deadlock.test.ts',
      name: 'where the next statement begins another transaction, that one is not taken for it',
    },
  },
  {
    name: 'a commit of mysql2 counts as proven whatever came after our statement',
    file: 'packages/sql/src/mysql2/transaction.ts',
    from: 'return untouched',
    to: 'return true',
    test: {
      file: 'packages/adapter-mysql2/test/context.test.ts',
      name: 'proves nothing where something was sent after its statement',
    },
  },
  {
    name: 'a statement of mysql2 goes into a transaction that somebody left open',
    file: 'packages/sql/src/mysql2/run.ts',
    from: 'if (state.inTransaction) return',
    to: 'if (false) return',
    test: {
      file: 'packages/adapter-mysql2/test/lost-connection.test.ts',
      name: 'a transaction that somebody left open on a connection > does not take in what this library writes next',
    },
  },
  {
    name: 'rows are read over mysql2 in a transaction that somebody left open',
    file: 'packages/sql/src/mysql2/run.ts',
    from: '(await askState(connection))\n  autocommits',
    to: 'idle\n  autocommits',
    test: {
      file: 'packages/adapter-mysql2/test/lost-connection.test.ts',
      name: 'does not show this library what was there when it began',
    },
  },
  {
    name: 'a connection of mysql2 whose ROLLBACK failed goes back to the pool',
    file: 'packages/sql/src/mysql2/run.ts',
    from: 'else connection.destroy()',
    to: 'else connection.release()',
    test: {
      file: 'packages/adapter-mysql2/test/lost-connection.test.ts',
      name: 'a connection that a transaction could not end > is not used again',
    },
  },
  {
    name: 'the settings of a mysql2 pool change what this library reads',
    file: 'packages/sql/src/mysql2/send.ts',
    from: '...plainly, ',
    to: '',
    test: {
      file: 'packages/adapter-mysql2/test/sessions.test.ts',
      name: 'with rows of its own shape > every form works, and args come back as they were (outbox)',
    },
  },
  {
    name: 'a value on MySQL is escaped as sessions without backslash escapes do not read it',
    file: 'packages/sql/src/mysql/literal.ts',
    from: `(/^[ !"#$%&(-[\\]-~]+$/.test(text)) return`,
    to: `(true) return`,
    test: {
      file: 'packages/sql/src/mysql/literal.test.ts',
      name: 'of one byte is quoted, or in hexadecimal where a session could read it otherwise',
    },
  },
  {
    name: 'times on MySQL are those of the session’s time zone',
    file: 'packages/sql/src/mysql/clock.ts',
    from: `rawSql('utc_timestamp(3)')`,
    to: `rawSql('now(3)')`,
    test: {
      file: 'packages/adapter-mysql2/test/clock.test.ts',
      name: 'is the one of the epoch in the time zone +12:45',
    },
  },
  {
    name: 'a look at a decided gid on MySQL sees an old snapshot',
    file: 'packages/sql/src/mysql/barrier.ts',
    from: 'return sql`${selectReason(tables, gid)} lock in share mode`',
    to: 'return selectReason(tables, gid)',
    test: {
      file: 'packages/adapter-mysql2/test/isolation.test.ts',
      name: 'a transaction at repeatable read > finds what was decided after its snapshot',
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
    name: 'a batch of which MySQL wrote a part counts as written',
    file: 'packages/self-tm/src/store/mysql/settle.ts',
    from: 'return deleted + changed === settlements.length ?',
    to: 'return deleted + changed > 0 ?',
    test: {
      file: 'packages/self-tm/test/mysql-concurrency.test.ts',
      name: 'a batch of which some are lost says of each what it is',
    },
  },
  {
    name: 'what the server answered to COMMIT over node-postgres does not count',
    file: 'packages/sql/src/node-postgres/outcome.ts',
    from: `if (answer === 'COMMIT') return`,
    to: 'return',
    test: {
      file: 'packages/adapter-pg/test/transaction.test.ts',
      name: 'a transaction > rejects when the error of a failed statement was swallowed',
    },
  },
  {
    name: 'what was not awaited is sent after the end of a transaction over pg',
    file: 'packages/adapter-pg/src/pg.ts',
    from: "if (transaction.ending) throw transactionUnusable('it is over')",
    to: '',
    test: {
      file: 'packages/adapter-pg/test/context.test.ts',
      name: 'is refused as soon as its work is over',
    },
  },
  {
    name: 'a client of another database is taken for one of this',
    file: 'packages/adapter-pg/src/pg.ts',
    from: 'client.database === database) return',
    to: 'true) return',
    test: {
      file: 'packages/adapter-pg/test/context.test.ts',
      name: 'of a client of another database is refused',
    },
  },
  {
    name: 'Sequelize sends a refused COMMIT again',
    file: 'packages/adapter-sequelize/src/sequelize.ts',
    from: 'const once = { retry: { max: 1 } }',
    to: 'const once = {}',
    test: {
      file: 'packages/adapter-sequelize/test/transaction.test.ts',
      name: 'is sent once by this adapter, which then rejects',
    },
  },
  {
    name: 'a deadlock that Sequelize has handled is committed all the same',
    file: 'packages/adapter-sequelize/src/sequelize.ts',
    from: 'if (internalsOf(transaction).finished !== undefined) {\n    throw new',
    to: 'if (false as boolean) {\n    throw new',
    test: {
      file: 'packages/adapter-sequelize/test/mysql.test.ts',
      name: 'rejects a transaction without a step as well',
    },
  },
  {
    name: 'a step runs in what cls-hooked keeps for the request that added its job',
    file: 'packages/self-tm/src/self-tm.ts',
    from: 'this.#outside = outside()',
    to: '',
    test: {
      file: 'packages/adapter-sequelize/test/cls.test.ts',
      name: 'a step does not run in the transaction around the call that began it',
    },
  },
  {
    name: 'a submit whose answer is lost is sent to DTM again',
    file: 'packages/dtm/src/delivery.ts',
    from: 'verdict = await this.#orders.submit(this.#body, { sendBeforeMs, waitMs })',
    to: `const send = () => this.#orders.submit(this.#body, { sendBeforeMs, waitMs })
      verdict = await send().catch(send)`,
    test: {
      file: 'packages/dtm/test/delivery.test.ts',
      name: 'over HTTP > a submit > whose answer is lost is not sent again, and counts as sent when DTM has it',
    },
  },
  {
    name: 'a submit leaves when DTM may have asked by itself',
    file: 'packages/dtm/src/delivery.ts',
    from: 'timing.timeoutToFail * 1_000 - marginMs',
    to: 'Infinity',
    test: {
      file: 'packages/dtm/test/delivery.test.ts',
      name: 'over HTTP > a submit > is not sent when the commit took too long for it',
    },
  },
  {
    name: 'a job that DTM had before is submitted to it once more',
    file: 'packages/dtm/src/delivery.ts',
    from: `if (this.#startsAlone) return await this.#report('DTM had it before')`,
    to: '',
    test: {
      file: 'packages/dtm/test/gids.test.ts',
      name: `over HTTP > a job with a caller's gid > that DTM has from an earlier transaction is left to its question, so that it starts once`,
    },
  },
  {
    name: 'what DTM has under a gid is not compared',
    file: 'packages/dtm/src/delivery.ts',
    from: `if (is === 'unfit' || callerGid) this.#compare(`,
    to: `if (is === 'unfit') this.#compare(`,
    test: {
      file: 'packages/dtm/test/gids.test.ts',
      name: `over HTTP > a job with a caller's gid > that DTM has with other steps is a conflict`,
    },
  },
  {
    name: 'a job that DTM has as failed after its commit is no alarm',
    file: 'packages/dtm/src/delivery.ts',
    from: `if (status === 'submitted' || status === 'succeed') return`,
    to: 'return',
    test: {
      file: 'packages/dtm/test/delivery.test.ts',
      name: 'over HTTP > a submit > after which DTM has the job as failed is an alarm',
    },
  },
  {
    name: 'a submit that DTM refuses, because it has started the job by itself, is an alarm',
    file: 'packages/dtm/src/delivery.ts',
    from: `if (verdict.is !== 'taken') await this.#report(verdict.reason)`,
    to: `if (verdict.is !== 'taken') throw this.#error('JOB_LOST', verdict.reason)`,
    test: {
      file: 'packages/dtm/test/delivery.test.ts',
      name: 'over HTTP > a submit > that meets a job which DTM has started and ended by itself is no alarm',
    },
  },
  {
    name: 'a prepared job is stopped in DTM unasked',
    file: 'packages/dtm/src/job-admin.ts',
    from: `job.transaction.status === 'prepared'
          ? await askAbout(`,
    to: `(false as boolean)
          ? await askAbout(`,
    test: {
      file: 'packages/dtm/test/job-admin.test.ts',
      name: 'with DTM over BoltDB, called by HTTP, > a prepared job is cancelled only as its transaction says',
    },
  },
  {
    name: 'DTM is told no URL to ask at',
    file: 'packages/dtm/src/orders.ts',
    from: 'query_prepared: question.url,',
    to: `query_prepared: '',`,
    test: {
      file: 'packages/dtm/test/delivery.test.ts',
      name: 'what is sent > has a payload for each step, a URL to ask at, and seconds',
    },
  },
  {
    name: 'DTM is told its times in milliseconds',
    file: 'packages/dtm/src/job-options.ts',
    from: 'if (ms % 1_000 === 0) return ms / 1_000',
    to: 'if (ms % 1_000 === 0) return ms',
    test: {
      file: 'packages/dtm/test/delivery.test.ts',
      name: 'what is sent > has a payload for each step, a URL to ask at, and seconds',
    },
  },
  {
    name: 'DTM gets the gids of callers as they are',
    file: 'packages/dtm/src/dtm-gid.ts',
    from: `return parts.join('-')`,
    to: 'return gid',
    test: {
      file: 'packages/dtm/test/gids.test.ts',
      name: 'over HTTP > a gid that is the beginning of another one loses neither job',
    },
  },
  {
    name: 'a step is run by whoever calls',
    file: 'packages/dtm/src/step-call.ts',
    from: `if (!signer.verify(text, mac)) throw new Refusal(401, 'wrong MAC')`,
    to: '',
    test: {
      file: 'packages/dtm/test/callbacks.test.ts',
      name: 'a call of a step > with a MAC of another body is refused',
    },
  },
  {
    name: 'a question is answered to whoever asks',
    file: 'packages/dtm/src/question.ts',
    from: `if (!door.signer.verify(signedText(reference), params.get('mac'))) {`,
    to: 'if (false as boolean) {',
    test: {
      file: 'packages/dtm/test/callbacks.test.ts',
      name: 'the question whether a job committed > is refused without a MAC',
    },
  },
  {
    name: 'what is signed for one step runs for another',
    file: 'packages/dtm/src/door.ts',
    from: 'if (called.gid === dtmGid(gid) && called.branch === branch) return',
    to: 'return',
    test: {
      file: 'packages/dtm/test/callbacks.test.ts',
      name: 'a call of a step > for another step than DTM calls for is refused',
    },
  },
  {
    name: 'closing does not wait for rows that are being cleaned',
    file: 'packages/core/src/cleaner.ts',
    from: 'if (this.#cleaning) await endsWithin(this.#cleaning, withinMs)',
    to: '',
    test: {
      file: 'packages/core/src/cleaner.test.ts',
      name: 'closes when it has cleaned, and leaves no timer behind',
    },
  },
  {
    name: 'bringing a job forward moves others that are due later',
    file: 'packages/dtm/src/wake-up.ts',
    from: 'api.moveForward(Math.max(0, inSeconds), 1)',
    to: 'api.moveForward(Math.max(0, inSeconds), 100)',
    test: {
      file: 'packages/dtm/test/job-admin.test.ts',
      name: 'with DTM over BoltDB, called by HTTP, > a job that waits long is tried again at once',
    },
  },
  {
    name: 'a step is taken from a process that is at it and lives',
    file: 'packages/dtm/src/ledger.ts',
    from: 'seen?.text === as && ',
    to: 'seen !== undefined && ',
    test: {
      file: 'packages/dtm/src/ledger.test.ts',
      name: 'of a process that shows only at the last moment that it lives stays there',
    },
  },
  {
    name: 'a beat of the ledger looks like the one before',
    file: 'packages/dtm/src/ledger-lease.ts',
    from: 'beat: ++this.#beat',
    to: 'beat: this.#beat',
    test: {
      file: 'packages/dtm/src/ledger.test.ts',
      name: 'is not begun in the other process for as long as the first is at it and lives',
    },
  },
  {
    name: 'an attempt goes on although its lease in the ledger is over',
    file: 'packages/dtm/src/ledger-lease.ts',
    from: 'this.#deadline = setTimeout(() => this.#lose(), atMs - monotonicMs())',
    to: '',
    test: {
      file: 'packages/dtm/src/ledger.test.ts',
      name: 'of a process that shows no sign of life stops there before the other one begins it',
    },
  },
  {
    name: 'whoever was at a step that was taken over writes it all the same',
    file: 'packages/dtm/src/ledger-lease.ts',
    from: '(this.#holder.holds(now) ? state() : undefined)',
    to: 'state()',
    test: {
      file: 'packages/dtm/src/ledger.test.ts',
      name: 'that was taken over is not written by its first holder',
    },
  },
  {
    name: 'a step is remembered by its gid alone, whoever has it called',
    file: 'packages/core/src/step-scope.ts',
    from: "${caller === undefined ? '' : `${caller}/`}",
    to: '',
    test: {
      file: 'packages/dtm/test/callers.test.ts',
      name: 'takes no step from it, in its memory',
    },
  },
  {
    name: 'a caller takes the once rows of the app itself',
    file: 'packages/core/src/step-scope.ts',
    from: 'caller === undefined ? owner : `${owner}/key=${caller}`',
    to: 'owner',
    test: {
      file: 'packages/dtm/test/callers.test.ts',
      name: 'takes no step from it, by once',
    },
  },
  {
    name: 'a caller takes the rows of the ledger from the app itself',
    file: 'packages/dtm/src/ledger-row.ts',
    from: 'owner: onceOwner(owner, caller)',
    to: 'owner',
    test: {
      file: 'packages/dtm/test/callers.test.ts',
      name: 'takes no step from it, in its ledger',
    },
  },
  {
    name: 'a caller runs steps that are not offered to it',
    file: 'packages/dtm/src/step-call.ts',
    from: 'if (caller && !caller.steps.has(message.step))',
    to: 'if (false as boolean)',
    test: {
      file: 'packages/dtm/test/callers.test.ts',
      name: 'a program in another language > is refused with a step that is not offered to it',
    },
  },
  {
    name: 'a body is read to its end, however large',
    file: 'packages/dtm/src/read-body.ts',
    from: 'if (bytes > maxBytes) throw tooLarge()',
    to: '',
    test: {
      file: 'packages/dtm/test/callbacks.test.ts',
      name: 'a call of a step > with a body too large that does not say so is refused once it is',
    },
  },
  {
    name: 'a question that cannot be answered is answered with rolled back',
    file: 'packages/dtm/src/question.ts',
    from: 'return await failed(gid, door)',
    to: `return 'rolledBack'`,
    test: {
      file: 'packages/dtm/test/callbacks.test.ts',
      name: 'the question whether a job committed > stays open for a database with a name that is not registered, and is told',
    },
  },
  {
    name: 'a question about an open transaction is answered with rolled back',
    file: 'packages/dtm/src/question.ts',
    from: `if (isSteppingError(error, 'BARRIER_UNDECIDED')) return 'later'`,
    to: `if (isSteppingError(error, 'BARRIER_UNDECIDED')) return 'rolledBack'`,
    test: {
      file: 'packages/dtm/test/open-transactions.test.ts',
      name: 'over HTTP > a transaction that outlives two questions of DTM runs its steps once, after the commit',
    },
  },
  {
    name: 'DTM takes a step that wants to wait for one that failed',
    file: 'packages/dtm/src/answer.ts',
    from: 'later: 425,',
    to: 'later: 409,',
    test: {
      file: 'packages/dtm/test/callbacks.test.ts',
      name: 'a call of a step > whose step wants to wait is answered with 425',
    },
  },
  {
    name: 'a redirected call of a step is answered as done',
    file: 'packages/dtm/src/handler.ts',
    from: `case 'POST msg action':`,
    to: `case 'GET msg action':
    case 'POST msg action':`,
    test: {
      file: 'packages/dtm/test/callbacks.test.ts',
      name: 'a call of a step > by GET, as after a redirect is refused',
    },
  },
  {
    name: 'a call begins a step that runs',
    file: 'packages/dtm/src/attempts.ts',
    from: `if (entry.running) return 'running'`,
    to: '',
    test: {
      file: 'packages/dtm/test/steps.test.ts',
      name: 'a step that takes longer than DTM waits goes on, and is not begun again',
    },
  },
  {
    name: 'over gRPC DTM is told no method to ask at',
    file: 'packages/dtm/src/grpc/dtm-messages.ts',
    from: `    [6, question.url],
`,
    to: '',
    test: {
      file: 'packages/dtm/test/delivery.test.ts',
      name: 'what is sent > is the same over gRPC, but where DTM is to call',
    },
  },
  {
    name: 'a submit over gRPC that waited for a connection leaves too late',
    file: 'packages/dtm/src/grpc/dtm-client.ts',
    from: 'this.stopped = this.sent || monotonicMs() >= sendBeforeMs',
    to: 'this.stopped = this.sent',
    test: {
      file: 'packages/dtm/test/grpc-connection.test.ts',
      name: 'a submit that had to wait for a connection is not sent after its time',
    },
  },
  {
    name: 'grpc-js sends a submit again by itself',
    file: 'packages/dtm/src/grpc/dtm-client.ts',
    from: 'this.stopped = this.sent || monotonicMs()',
    to: 'this.stopped = monotonicMs()',
    test: {
      file: 'packages/dtm/test/grpc-connection.test.ts',
      name: 'a submit that a server sends back is not sent again by grpc-js',
    },
  },
  {
    name: 'a dead gRPC connection fails call after call',
    file: 'packages/dtm/src/grpc/dtm-client.ts',
    from: 'if (error.code === status.DEADLINE_EXCEEDED) this.#replace(client)',
    to: '',
    test: {
      file: 'packages/dtm/test/grpc-connection.test.ts',
      name: 'a connection that went dead costs the call that notices it, and no other',
    },
  },
  {
    name: 'over gRPC a job counts as this one whatever sent it',
    file: 'packages/dtm/src/stored-message.ts',
    from: 'return referenceHeaderIn(transaction) === headers?.[referenceHeader]',
    to: 'return true',
    test: {
      file: 'packages/dtm/test/gids.test.ts',
      name: `over gRPC > a job with a caller's gid > that DTM has with other steps is a conflict`,
    },
  },
  {
    name: 'a step over gRPC is read however large it is',
    file: 'packages/dtm/src/grpc/handlers.ts',
    from: `if (request.byteLength > door.maxBodyBytes) throw new Refusal(413, 'too large')`,
    to: '',
    test: {
      file: 'packages/dtm/test/grpc-callbacks.test.ts',
      name: 'a call of a step over gRPC > that is too large is refused',
    },
  },
  {
    name: 'over gRPC DTM takes a question that stays open for rolled back',
    file: 'packages/dtm/src/grpc/handlers.ts',
    from: 'later: status.FAILED_PRECONDITION,',
    to: 'later: status.ABORTED,',
    test: {
      file: 'packages/dtm/test/open-transactions.test.ts',
      name: 'over gRPC > a transaction that outlives two questions of DTM runs its steps once, after the commit',
    },
  },
]
