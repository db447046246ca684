import type { Mutation } from '../mutation.ts'

export const sql: readonly Mutation[] = [
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
    name: 'a late barrier row travels with its COMMIT',
    file: 'packages/sql/src/postgres/barrier.ts',
    from: 'clock_timestamp() >= to_timestamp(',
    to: 'false and clock_timestamp() >= to_timestamp(',
    test: {
      file: 'packages/adapter-pg/test/conformance.test.ts',
      name: 'database: node-postgres > a row that is written last > does not commit too late',
    },
  },
  {
    name: 'a barrier row travels with a COMMIT of another database',
    file: 'packages/sql/src/postgres/barrier.ts',
    from: 'when not exists (select 1 from',
    to: 'when false and not exists (select 1 from',
    test: {
      file: 'packages/adapter-pg/test/conformance.test.ts',
      name: 'database: node-postgres > a row that is written last > does not commit in a database with another identity',
    },
  },
  {
    name: 'a barrier row overwrites one that was committed',
    file: 'packages/sql/src/postgres/barrier.ts',
    from: "else ${failing('exists')} end",
    to: 'else b.reason end',
    test: {
      file: 'packages/adapter-pg/test/conformance.test.ts',
      name: 'database: node-postgres > a row that is written last > does not commit a gid that is committed already',
    },
  },
  {
    name: 'a barrier row overwrites a decision',
    file: 'packages/sql/src/postgres/barrier.ts',
    from: "when 'rollback' then ${failing('decided')}",
    to: "when 'rollback' then b.reason",
    test: {
      file: 'packages/adapter-pg/test/conformance.test.ts',
      name: 'database: node-postgres > a row that is written last > does not commit what was decided as rolled back',
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
    file: 'packages/sql/src/driver-database.ts',
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
    name: 'that the question about a job was rolled back is taken for the answer',
    file: 'packages/sql/src/resolve.ts',
    from: ' && !isOfTransaction(error)',
    to: '',
    test: {
      file: 'packages/sql/src/resolve.test.ts',
      name: 'is open when the transaction of the question itself ended with',
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
    file: 'packages/sql/src/driver-database.ts',
    from: 'insertBarrier(tables, execute, key, open, as)',
    to: `insertBarrier(tables, execute, key, open, 'msg')`,
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'database: Drizzle over node-postgres > a used gid > is answered rolled back',
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
    name: 'what the server answered to COMMIT over node-postgres does not count',
    file: 'packages/sql/src/node-postgres/outcome.ts',
    from: `if (answer === 'COMMIT') return`,
    to: 'return',
    test: {
      file: 'packages/adapter-pg/test/transaction.test.ts',
      name: 'a transaction > rejects when the error of a failed statement was swallowed',
    },
  },
]
