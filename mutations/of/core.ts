import type { Mutation } from '../mutation.ts'

export const core: readonly Mutation[] = [
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
    name: 'a barrier row by hand counts as the last statement',
    file: 'packages/core/src/binding.ts',
    from: 'await insertBarrier(!job.byHand)',
    to: 'await insertBarrier(true)',
    test: {
      file: 'packages/core/src/job-by-hand.test.ts',
      name: 'may have more statements after its barrier row',
    },
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
    name: 'a gid of the caller leaves no barrier row',
    file: 'packages/core/src/binding.ts',
    from: 'if (job.byHand || job.callerGid) await insertBarrier()',
    to: 'if (job.byHand) await insertBarrier()',
    test: {
      file: 'packages/core/src/transaction-gid.test.ts',
      name: 'that is enlisted with the gid of the caller writes the barrier that refuses a second one',
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
    name: 'a gid that is used leaves a prepared job behind',
    file: 'packages/core/src/binding.ts',
    from: 'if (!enlistment && job.callerGid) {',
    to: 'if (false as boolean) {',
    test: {
      file: 'packages/core/src/transaction-gid.test.ts',
      name: 'refuses a second one that but has a step, of which nothing is left',
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
    name: 'what a step enters is around the steps of other jobs',
    file: 'packages/core/src/attempt.ts',
    from: 'await Promise.resolve()',
    to: '',
    test: {
      file: 'packages/core/src/participant-context.test.ts',
      name: 'what a step enters before it first waits is neither around its caller nor around the next step',
    },
  },
  {
    name: 'an attempt that was given up is handled again when it ends',
    file: 'packages/core/src/attempt.ts',
    from: 'if (!this.#isTold) this.#resolve(endedWith)',
    to: 'this.#resolve(endedWith)',
    test: {
      file: 'packages/core/src/participant-signal.test.ts',
      name: 'has failed once, also when it ends in an error long after it was given up',
    },
  },
]
