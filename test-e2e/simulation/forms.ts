import { isSteppingError } from '@stepping/core'
import type { CommittableJob, JobReceipt, JobSteps, SteppingErrorCode } from '@stepping/core'
import type { App } from './app.ts'
import type { JobPlan } from './plan.ts'
import { sleep } from './steps.ts'
import type { Transaction } from './transaction.ts'

/** What the code of a user throws by itself. */
export class PlannedError extends Error {}

/** Runs one job's code in an app as a user would write it, and holds what the caller is told against what is. */
export async function runForm(app: App, plan: JobPlan): Promise<void> {
  try {
    await runAsWritten(app, plan)
  } catch (error) {
    // At the very moment when the app has closed, before its machine is gone.
    if (!isSteppingError(error, 'CLOSED')) throw error
  }
}

async function runAsWritten(app: App, plan: JobPlan): Promise<void> {
  switch (plan.form) {
    case 'alone':
      return await startAlone(app, plan)
    case 'transaction':
      return await inTransaction(app, plan)
    case 'byHand':
      return await byHand(app, plan)
    case 'start':
      return await startWithCommit(app, plan)
  }
}

const duplicates: readonly SteppingErrorCode[] = [
  'BARRIER_EXPIRED',
  'JOB_CONFLICT',
  'JOB_DUPLICATE',
  'TRANSACTION_ROLLED_BACK',
]

async function startAlone(app: App, plan: JobPlan): Promise<void> {
  const job = app.stepping.createJob(gidOf(plan))
  addSteps(app, plan, job)
  for (let tries = 0; tries < 3; tries++) {
    try {
      await job.start()
      app.told(job.gid, 'started')
      app.around.checker.accepted(job.gid, plan.origin)
      if (!app.around.checker.isCommitted(job.gid))
        app.fail(`${job.gid} was started and is not stored`)
      return
    } catch (error) {
      app.told(job.gid, error)
      allow(app, job.gid, error, plan.gid ? duplicates : ['BARRIER_EXPIRED'])
      await sleep(app.around.random.magnitude(1, 3_000))
    }
  }
}

/** What refuses a transaction or ends it otherwise than its caller wanted. */
const refusals: readonly SteppingErrorCode[] = [
  'BARRIER_DECIDED',
  'BARRIER_EXPIRED',
  'TRANSACTION_LOST',
  'TRANSACTION_OUTCOME_UNKNOWN',
  'TRANSACTION_ROLLED_BACK',
  'TRANSACTION_UNUSABLE',
]

function refusalsOf({ gid }: JobPlan): readonly SteppingErrorCode[] {
  return gid === undefined ? refusals : [...refusals, 'JOB_DUPLICATE', 'JOB_CONFLICT']
}

async function inTransaction(app: App, plan: JobPlan): Promise<void> {
  let gid = ''
  let tx: Transaction | undefined
  try {
    await app.stepping.transaction(
      app.databases[plan.database],
      async (each, job) => {
        tx = each
        gid = job.gid
        await tx.insert(`row of ${gid}`)
        await sleep(plan.openMs)
        addSteps(app, plan, job)
        if (plan.ending === 'throw') throw new PlannedError('as planned')
      },
      gidOf(plan),
    )
    app.told(gid, 'resolved')
    if (tx?.isProved && plan.steps.length > 0 && !tx.commits(gid))
      app.fail(`${gid} resolved and is not committed`)
  } catch (error) {
    app.told(gid, error)
    allow(app, gid, error, refusalsOf(plan))
    checkRejection(app, gid, tx, error)
  }
}

async function startWithCommit(app: App, plan: JobPlan): Promise<void> {
  const begun = await begin(app, plan)
  if (!begun) return
  const { tx, job } = begun
  try {
    await tx.insert(`row of ${job.gid}`)
    addSteps(app, plan, job)
    await sleep(plan.openMs)
    const receipt = await job.start()
    // On the outbox path the library's word is passed on, and the row is looked at afterwards.
    checkReceipt(app, plan, receipt, tx, tx.isProved || plan.database === 'ledger')
  } catch (error) {
    app.told(job.gid, error)
    allow(app, job.gid, error, refusalsOf(plan))
    checkRejection(app, job.gid, tx, error)
    if (tx.isOpen) await tx.rollBack()
  }
}

async function byHand(app: App, plan: JobPlan): Promise<void> {
  const begun = await begin(app, plan)
  if (!begun) return
  const { tx, job } = begun
  try {
    await tx.insert(`row of ${job.gid}`)
    addSteps(app, plan, job)
    await sleep(plan.openMs)
    if (plan.ending === 'rollback to savepoint') await tx.savepoint()
    await job.prepareAndInsertBarrier()
    if (plan.ending === 'rollback to savepoint') await tx.rollBackToSavepoint()
    await sleep(plan.tiedMs)
    if (plan.ending === 'throw') throw new PlannedError('as planned')
  } catch (error) {
    allow(app, job.gid, error, refusalsOf(plan))
    await tx.rollBack()
  }
  for (let n = plan.submitsEarly ? -1 : 0; n < plan.submits; n++) {
    if (n === 0 && tx.isOpen) await tx.commit().catch((error: unknown) => app.told(job.gid, error))
    if (!(await submit(app, plan, job, tx))) return
    await sleep(app.around.random.magnitude(1, 3_000))
  }
  if (tx.isOpen) await tx.commit().catch((error: unknown) => app.told(job.gid, error))
}

async function begin(
  app: App,
  plan: JobPlan,
): Promise<{ readonly tx: Transaction; readonly job: CommittableJob } | undefined> {
  const database = app.databases[plan.database]
  let tx: Transaction | undefined
  try {
    tx = await database.begin()
    return { tx, job: app.stepping.createJob(database.context(tx), gidOf(plan)) }
  } catch (error) {
    app.told('no job', error)
    // Closed while it began, for example.
    allow(app, 'a job', error, [])
    await tx?.rollBack()
    return undefined
  }
}

/** @returns whether it is of use to call it again. */
async function submit(
  app: App,
  plan: JobPlan,
  job: { readonly gid: string; submit(): Promise<JobReceipt> },
  tx: Transaction,
): Promise<boolean> {
  const sentAtMs = app.around.scheduler.nowMs
  try {
    checkReceipt(app, plan, await job.submit(), tx, true)
    return false
  } catch (error) {
    app.told(job.gid, error)
    allow(app, job.gid, error, [
      'JOB_NOT_PREPARED',
      'JOB_ALREADY_SUBMITTED',
      'BARRIER_EXPIRED',
      'TRANSACTION_NOT_COMMITTED',
      'TRANSACTION_ROLLED_BACK',
      'TRANSACTION_UNUSABLE',
    ])
    if (isSteppingError(error, 'TRANSACTION_ROLLED_BACK') && tx.commits(job.gid)) {
      app.fail(`${job.gid} is committed, and was refused`)
    }
    const wasOpen = tx.server.endedAtMs === undefined || tx.server.endedAtMs >= sentAtMs
    const isOpen = isSteppingError(error, 'TRANSACTION_NOT_COMMITTED')
    // Another transaction with this gid may be open.
    if (isOpen && !wasOpen && !plan.gid)
      app.fail(`the transaction of ${job.gid} is over, and was called open`)
    return isOpen
  }
}

function checkReceipt(
  app: App,
  { origin, database }: JobPlan,
  { gid, submitted }: JobReceipt,
  tx: Transaction,
  wasAsked: boolean,
): void {
  const { checker } = app.around
  app.told(gid, submitted ? 'submitted' : 'not submitted yet')
  if (!submitted || !wasAsked) return
  // By hand and without prepare only the barrier is asked: by gid, so for all transactions with it.
  if (tx.commits(gid) || database === 'ledger') checker.accepted(gid, origin)
  if (!checker.isCommitted(gid)) app.fail(`job ${gid} was submitted and is not committed`)
}

/** After the commit nobody is told that it failed. */
function checkRejection(app: App, gid: string, tx: Transaction | undefined, error: unknown): void {
  const isCommitted = tx?.commits(gid)
  if (isCommitted && tx?.isAcknowledged) app.fail(`${gid} is committed, and its caller was refused`)
  if (isSteppingError(error, 'TRANSACTION_ROLLED_BACK') && isCommitted) {
    app.fail(`${gid} is committed, and its caller was told that it rolled back`)
  }
}

function addSteps(app: App, { steps, origin }: JobPlan, job: JobSteps): void {
  for (const [at, { name, plan }] of steps.entries()) {
    job.addStep(app.step(name), { ...plan, gid: job.gid, at, origin })
  }
}

function gidOf({ gid }: JobPlan): { gid?: string } {
  return gid === undefined ? {} : { gid }
}

/** Only what a caller can make something of: named refusals, and errors of its own and of the connection. */
function allow(app: App, gid: string, error: unknown, codes: readonly SteppingErrorCode[]): void {
  if (error instanceof PlannedError) return
  const allowed = [...codes, 'DATABASE_UNREACHABLE', 'CLOSED'] as readonly SteppingErrorCode[]
  const isNamed = isSteppingError(error) ? allowed.includes(error.code) : app.isDatabaseError(error)
  if (!isNamed) app.fail(`the caller of ${gid} was told ${String(error)}`)
}
