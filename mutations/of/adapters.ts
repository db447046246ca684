import type { Mutation } from '../mutation.ts'

export const adapters: readonly Mutation[] = [
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
    name: 'BEGIN is answered before the statement that it is sent with',
    file: 'packages/adapter-pg/src/begin-together.ts',
    from: 'plain(begin, prepare), (wire) => wire.execute({}))',
    to: `plain(begin, prepare), (wire) => {
    wire.execute({})
    wire.sync()
  })`,
    test: {
      file: 'packages/adapter-pg/test/together.test.ts',
      name: 'a BEGIN that is refused > with pipeline: true, has nothing of its work stored',
    },
  },
  {
    name: 'a job is inserted after what nobody awaited has ended its transaction',
    file: 'packages/sql/src/node-postgres/send-within.ts',
    from: 'query.submit = (wire) => refusal() ?? write(wire)',
    to: 'query.submit = write',
    test: {
      file: 'packages/adapter-drizzle/test/together.test.ts',
      name: 'is not stored after a rollback that nobody awaited',
    },
  },
  {
    name: 'a barrier row is inserted after a ROLLBACK below Drizzle that nobody awaited',
    file: 'packages/adapter-drizzle/src/node-postgres.ts',
    from: 'execute: (statement) => execute(connection, statement, prepare, watch),',
    to: 'execute: (statement) => execute(connection, statement, prepare),',
    test: {
      file: 'packages/adapter-drizzle/test/conformance.node-postgres.test.ts',
      name: 'a barrier row has the fate of its transaction after a ROLLBACK that its user sent and did not await',
    },
  },
  {
    name: 'a barrier row is inserted after a ROLLBACK below Sequelize that nobody awaited',
    file: 'packages/adapter-sequelize/src/postgres.ts',
    from: 'const within = opened ? watch : undefined',
    to: 'const within = undefined',
    test: {
      file: 'packages/adapter-sequelize/test/conformance.postgres.test.ts',
      name: 'a barrier row has the fate of its transaction after a ROLLBACK that its user sent and did not await',
    },
  },
  {
    name: 'whether a transaction has ended is known after the next statement is sent',
    file: 'packages/sql/src/node-postgres/transaction-watch.ts',
    from: "connection.prependListener('readyForQuery', onReady)",
    to: "connection.on('readyForQuery', onReady)",
    test: {
      file: 'packages/adapter-pg/test/conformance.test.ts',
      name: 'a barrier row has the fate of its transaction after a ROLLBACK that its user sent and did not await',
    },
  },
  {
    name: 'in a pipeline what the answer to a statement has sent is not waited for',
    file: 'packages/sql/src/node-postgres/send-within.ts',
    from: 'watch.ended() === undefined && unanswered(client) > (watch.hasBegun() ? 0 : 1)',
    to: 'false',
    test: {
      file: 'packages/adapter-pg/test/conformance.pipeline.test.ts',
      name: 'a barrier row has the fate of its transaction after a ROLLBACK that its user sent and did not await',
    },
  },
  {
    name: 'a pipeline waits for ever behind statements that nobody awaits',
    file: 'packages/sql/src/node-postgres/send-within.ts',
    from: 'if (performance.now() - sinceMs <= patienceMs) continue',
    to: 'if (sinceMs > 0) continue',
    test: {
      file: 'packages/adapter-pg/test/under-way.test.ts',
      name: 'a pipeline, which sends at once, refuses the row after a while',
    },
  },
  {
    name: 'a barrier row over PGlite requires no mark of its transaction',
    file: 'packages/adapter-drizzle/src/pglite.ts',
    from: 'hidesEnd: true,',
    to: '',
    test: {
      file: 'packages/adapter-drizzle/test/conformance.pglite.test.ts',
      name: 'a barrier row is not there after a ROLLBACK that its user sent',
    },
  },
  {
    name: 'a transaction whose job was not sent resolves, as somebody had committed it',
    file: 'packages/adapter-pg/src/pg.ts',
    from: 'if (isSteppingError(error)) throw error',
    to: '',
    test: {
      file: 'packages/adapter-pg/test/together.test.ts',
      name: 'is not stored after a commit that nobody awaited',
    },
  },
  {
    name: 'a COMMIT that is refused below Drizzle is told of as a job’s refusal',
    file: 'packages/sql/src/node-postgres/outcome.ts',
    from: `ended === 'ROLLBACK' && errorCode(error) !== '25P02'`,
    to: `errorCode(error) !== '25P02'`,
    test: {
      file: 'packages/adapter-drizzle/test/together.test.ts',
      name: 'does not explain what the COMMIT was refused for',
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
]
