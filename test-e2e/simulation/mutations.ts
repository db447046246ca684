import type { Change } from '../../mutations/mutate.ts'
import type { Theme } from './weather.ts'

/** A known defect that a schedule has to bring to light. */
export interface Defect extends Change {
  /** Part of what the checker says then. */
  readonly shows: string
  /** The schedules in which it comes up soonest. */
  readonly theme: Theme
}

type Place = readonly [file: string, from: string, to: string]

const memory = 'packages/self-tm/src/store/memory-job-store.ts'
const jobContent = 'packages/self-tm/src/store/job-content.ts'
const jobRun = 'packages/self-tm/src/job-run.ts'
const worker = 'packages/self-tm/src/worker.ts'
const lease = 'packages/self-tm/src/lease.ts'
const settler = 'packages/self-tm/src/settler.ts'
const selfTm = 'packages/self-tm/src/self-tm.ts'
const jobAdmin = 'packages/self-tm/src/job-admin.ts'
const binding = 'packages/core/src/binding.ts'
const jobHandle = 'packages/core/src/job-handle.ts'
const once = 'packages/core/src/once.ts'
// The databases are simulated: what adapters would do wrong is done wrong by these.
const databaseServer = 'test-e2e/simulation/database-server.ts'
const storeServer = 'test-e2e/simulation/store-server.ts'

export const defects: readonly Defect[] = [
  ...of('leases', {
    'the store takes writes of any token': [
      'lost job',
      [memory, 'row?.token === token && row.leaseUntil', 'row && row.leaseUntil'],
    ],
    'the next step begins before the last one is saved': [
      'steps are durable',
      [
        jobRun,
        'cursor: this.#cursor, ...ending }, this)',
        `cursor: this.#cursor, ...ending }, ending.to === 'advanced' ? { settled() {} } : this)
    if (ending.to === 'advanced') this.settled(ending as Settlement, { result: 'saved', sentAtMs: 0 })`,
      ],
    ],
    'no answer is taken for saved': [
      'steps are durable',
      [
        settler,
        'if (!store.isRefusal?.(error)) throw error',
        `if (!store.isRefusal?.(error)) {
        for (const each of batch) tell(each, 'saved')
        return
      }`,
      ],
    ],
    'a step begins after the deadline': [
      'nobody holds a lease',
      [lease, 'if (!this.#stop.reason && monotonicMs() >= this.deadlineMs) this.onDeadline()', ''],
    ],
    'an attempt goes on after the deadline': [
      'beside an attempt',
      [lease, "this.lose('it could not be renewed in time')", ''],
    ],
    'the deadline counts from the answer': [
      'began in',
      [
        worker,
        'if (this.#slots.free > 0) this.#begin(claim, sentAtMs, true)',
        'if (this.#slots.free > 0) this.#begin(claim, monotonicMs(), true)',
      ],
    ],
    'a process runs a job twice at once': [
      'beside an attempt',
      [worker, 'old; old = this', '(false as boolean) && old; old = this'],
    ],
    'a repeated ending counts its lease from the repeat': [
      'beside an attempt',
      [settler, 'each.sentAtMs ??= monotonicMs()', 'each.sentAtMs = monotonicMs()'],
    ],
    'once rows go as soon as their job is over': [
      'times',
      [databaseServer, 'this.nowMs - onceRetentionMs', 'this.nowMs + onceRetentionMs'],
    ],
    'an ending is written at any step': [
      'was written at step',
      [memory, 'return cursor === settlement.cursor && !isRepeat', 'return !isRepeat'],
    ],
    'an operator ends a job that somebody runs': [
      'while an attempt',
      [memory, 'if (isHeld(row, this.#now())) return false', ''],
    ],
    'an operator’s retry takes the lease away': [
      'beside an attempt',
      [
        memory,
        'if (!isHeld(row, this.#now())) row.dueAt = this.#now()',
        'Object.assign(row, { dueAt: this.#now(), leaseUntil: null })',
      ],
    ],
    'an operator’s retry is forgotten where the lease has run out': [
      'over an operator',
      [memory, 'row.retryNow = row.leaseUntil !== null', 'row.retryNow = isHeld(row, this.#now())'],
    ],
    'a failure is written over an operator’s retry': [
      'over an operator',
      [memory, 'if (row.retryNow) row.dueAt = now\n        else if', 'if'],
    ],
  }),
  ...of('transactions', {
    'a job begins without proof of its commit': [
      'is not committed',
      [jobRun, 'if (!proven && !(await this.#isCommitted())) return this.#leave()', ''],
    ],
    'a job whose commit was not answered begins': [
      'is not committed',
      [
        binding,
        'if (enlistment) enlistment.notCommitted()',
        'if (enlistment) enlistment.committed(true)',
      ],
    ],
    'a lease counts from the begin of its transaction': [
      'began in',
      [
        storeServer,
        'insertedAtMs: this.nowMs }',
        'insertedAtMs: this.nowMs - this.scheduler.nowMs + tx.begunAtMs }',
      ],
    ],
    'a lease of a transaction that rolled back fits the next one': [
      'beside an attempt',
      [selfTm, 'const token = newToken()', 'const token = 1'],
    ],
    'the commit does not wait for the prepare': [
      'is nowhere',
      [
        binding,
        'await prepare(tm, job, onUntouched)',
        'void prepare(tm, job, onUntouched).catch(() => {})',
      ],
    ],
    'a commit without proof is submitted unasked': [
      'not committed',
      [
        binding,
        'submit(parts, job, proven ? undefined : context)',
        'submit(parts, job, undefined)',
      ],
    ],
    'a rejected transaction’s job is dropped unasked': [
      'became rolledBack and is committed',
      [binding, "if (outcome === 'committed') await parts.tm.submit(job)\n    else await", 'await'],
    ],
    'a database that does not answer has rolled back': [
      'committed',
      [
        jobRun,
        "return { to: 'retried', inMs: retryInMs, error: describeError(error) }",
        "return { to: 'rolledBack' }",
      ],
    ],
    'the user’s submit is trusted': [
      'not committed',
      [
        jobHandle,
        "if (outcome === 'committed') return await binding.committed()",
        'return await binding.committed()',
      ],
    ],
    'a submit that fails is thrown': [
      'its caller was refused',
      [
        binding,
        "if (isSteppingError(error, 'TRANSACTION_ROLLED_BACK')) throw error",
        'throw error',
      ],
    ],
    'a repeated start is a duplicate': [
      'was told SteppingError',
      [selfTm, 'this.#unanswered.add(job)', 'void 0'],
    ],
    'a prepared job is cancelled unasked': [
      'became cancelled and is not committed',
      [jobAdmin, "view.state === 'prepared' ? await askAbout(store, running(), gid) :", ''],
    ],
    'a prepare overwrites what is there': [
      'went from',
      [
        memory,
        'if (row) assertStillPrepared(job, row)',
        'if (!row && !job) assertStillPrepared(job, row)',
      ],
    ],
    'another job under the same gid is taken for this one': [
      'were both told',
      [jobContent, 'if (stored[part] === sent[part]) continue', 'continue'],
    ],
    'a submit starts a job again': [
      'went from',
      [memory, "if (found && found.state !== 'prepared') return { started: false }", ''],
    ],
    'an operator ends a job as it was, not as it is': [
      'went from',
      [memory, 'if (!row || row.state !== seen.state || row.cursor !== done)', 'if (!row)'],
    ],
    'a gid of the caller’s makes two jobs': [
      'two transactions committed',
      [binding, 'if (job.byHand || job.callerGid) await insertBarrier()', ''],
    ],
    'a decision is not written down': [
      'dropped',
      [databaseServer, 'this.barrier.set(gid, row)', ''],
    ],
    'another database answers': [
      'dropped',
      [databaseServer, 'if (identity !== this.identity) {', 'if (false as boolean) {'],
    ],
    'a second once in a step is taken for the first': [
      'is done without its once',
      [databaseServer, '`${gid}/${index}/${key}`', '`${gid}/${index}`'],
    ],
    'once runs again': ['times', [once, 'if (stored) return', 'if (false as boolean) return']],
  }),
  ...of('ages', {
    'a message is taken after its window': [
      'came back',
      [memory, 'if (this.#now() >= job.notAfter) {', 'if (false as boolean) {'],
    ],
    'jobs that are over are deleted at once': [
      'came back',
      [memory, 'this.#now() - jobRetentionMs', 'this.#now()'],
    ],
    'an attempt may take a once after its window': [
      'times',
      [databaseServer, 'if (this.nowMs >= key.notAfter)', 'if (false as boolean)'],
    ],
    'a commit’s row is cleaned by age alone': [
      'dropped',
      [databaseServer, "(reason !== 'msg' || known.over.has(gid))", '(known !== undefined)'],
    ],
  }),
]

function of(
  theme: Theme,
  list: Readonly<Record<string, readonly [shows: string, place: Place]>>,
): Defect[] {
  return Object.entries(list).map(([name, [shows, [file, from, to]]]) => ({
    name,
    file,
    from,
    to,
    shows,
    theme,
  }))
}
