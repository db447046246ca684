import { isSteppingError, newGid } from '@stepping/core'
import type { BarrierKey, CommittableContext, Database, DatabaseLimits } from '@stepping/core'
import { expect, onTestFinished } from 'vitest'
import { casesOn } from '../cases.ts'
import type { Cases } from '../cases.ts'
import { given, whyLacking } from '../lacking.ts'
import type { BegunTransaction, DatabaseHarness, OpenDatabase } from './harness.ts'

/** What a case cannot do without. */
export type Need =
  | keyof DatabaseLimits
  | 'openByHand'
  | 'begin'
  | 'savepoint'
  | 'doom'
  | 'rollback'
  | 'failOnce'
  | 'loseCommit'

export type DatabaseCases<Tx> = Cases<Scene<Tx>, Need>

export const stop: Error = new Error('the user stops the transaction')

export function databaseCases<Tx>(harness: DatabaseHarness<Tx>): DatabaseCases<Tx> {
  return casesOn<Scene<Tx>, Need>({
    name: harness.name,
    open: () => openScene(harness),
    close: ({ opened }) => opened.close(),
    whyNot: whyDatabaseLacks,
  })
}

/** One that is migrated. */
export async function openScene<Tx, D extends Database<Tx>>(
  harness: DatabaseHarness<Tx, D>,
): Promise<Scene<Tx, D>> {
  const scene = new Scene(harness, await harness.open())
  await scene.database.migrate()
  return scene
}

export function whyDatabaseLacks<Tx>(
  { database, opened }: Scene<Tx>,
  need: Need,
): string | undefined {
  return need in opened
    ? whyLacking(opened[need as keyof OpenDatabase<Tx>])
    : database.limits[need as keyof DatabaseLimits]
}

/** A transaction that stays open until the case ends it, or is over. */
export interface HeldTransaction<Tx> {
  readonly tx: Tx
  commit(): Promise<void>
  rollback(): Promise<void>
}

interface InsertOptions<Tx> {
  readonly database?: Database<Tx>
  readonly reason?: 'msg' | 'empty'
  readonly last?: boolean
}

/** One opened database, and what cases do with it. */
export class Scene<Tx, D extends Database<Tx> = Database<Tx>> {
  readonly harness: DatabaseHarness<Tx, D>
  readonly opened: OpenDatabase<Tx, D>
  readonly database: D

  constructor(harness: DatabaseHarness<Tx, D>, opened: OpenDatabase<Tx, D>) {
    this.harness = harness
    this.opened = opened
    this.database = opened.over({ name: 'orders' })
  }

  /** The same through other tables of the same database, migrated. */
  async elsewhere(): Promise<{ database: Database<Tx>; tables: string }> {
    const tables = `kit_${crypto.randomUUID().slice(0, 8)}`
    const database = this.opened.over({ name: 'elsewhere', tables })
    await database.migrate()
    return { database, tables }
  }

  /** Another database, migrated; closed when the case ends. */
  async another(): Promise<Scene<Tx, D>> {
    const scene = await openScene(this.harness)
    onTestFinished(() => scene.opened.close())
    const [mine, its] = [this.opened.over({ name: 'mine' }), scene.opened.over({ name: 'its' })]
    if ((await mine.identity()) !== (await its.identity())) return scene
    throw new Error(
      "The harness's open() gave the same database twice: each call has to make one of its own.",
    )
  }

  /** A new gid with a day left. */
  async newKey(database: Database<Tx> = this.database): Promise<BarrierKey> {
    return { gid: newGid(), notAfter: Date.now() + 86_400_000, identity: await database.identity() }
  }

  /** The barrier row, as the engine asks for it. */
  async insert(
    tx: Tx,
    key: BarrierKey,
    { database = this.database, reason, last }: InsertOptions<Tx> = {},
  ): Promise<void> {
    const context = database.context(tx)
    await context.assertUsable()
    await database.barrier.insert(context, key, reason, last)
  }

  /** A transaction with a row of the user's and a barrier row. */
  async order(text: string, key: BarrierKey, options: InsertOptions<Tx> = {}): Promise<void> {
    await this.database.transaction(async (tx) => {
      await this.opened.write(tx, text)
      await this.insert(tx, key, options)
    })
  }

  async has(text: string): Promise<boolean> {
    return (await this.opened.probe.rows()).includes(text)
  }

  /** What the barrier says once it can say it. */
  async outcomeOf(key: BarrierKey): Promise<'committed' | 'rolledBack'> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.database.barrier.resolve(key)
      } catch (error) {
        if (attempt === 200 || !isSteppingError(error, 'BARRIER_UNDECIDED')) throw error
      }
    }
  }

  async hold(): Promise<HeldTransaction<Tx>> {
    return await held((work) => this.database.transaction(work))
  }

  async byHand<R>(work: (tx: Tx) => Promise<R>): Promise<R> {
    return await given(this.opened.openByHand)(work)
  }

  async holdByHand(): Promise<HeldTransaction<Tx>> {
    return await held((work) => this.byHand(work))
  }

  /** Ended at the latest when the case ends. */
  async begin(): Promise<BegunTransaction<Tx> & { context: CommittableContext }> {
    const begun = await given(this.opened.begin)()
    onTestFinished(async () => void (await begun.end()))
    const context = this.database.context(begun.tx)
    if ('commit' in context) return { ...begun, context: context as CommittableContext }
    throw new Error('The harness offers begin, but its contexts have no commit.')
  }

  /** The user's statement that the server refuses: the same row a second time. */
  async violate(tx: Tx, text: string): Promise<void> {
    await this.opened.write(tx, text).catch(() => {})
  }

  async doom(tx: Tx): Promise<void> {
    await given(this.opened.doom)(tx).catch(() => {})
  }

  async rollback(tx: Tx): Promise<void> {
    await given(this.opened.rollback)(tx).catch(() => {})
  }

  async savepoint(tx: Tx, work: (inner: Tx) => Promise<void>): Promise<void> {
    await given(this.opened.savepoint)(tx, work)
  }

  async failOnce(tx: Tx): Promise<never> {
    return await given(this.opened.failOnce)(tx)
  }

  loseCommit(part: 'request' | 'answer'): void {
    given(this.opened.loseCommit)(part)
  }
}

async function held<Tx>(
  open: (work: (tx: Tx) => Promise<void>) => Promise<void>,
): Promise<HeldTransaction<Tx>> {
  const opened = Promise.withResolvers<Tx>()
  const ended = Promise.withResolvers<void>()
  const over = open(async (tx) => {
    opened.resolve(tx)
    await ended.promise
  })
  over.catch((error: unknown) => opened.reject(error))
  const tx = await opened.promise
  const rollback = async (): Promise<void> => {
    ended.reject(stop)
    await over.catch(() => {})
  }
  onTestFinished(rollback)
  return {
    tx,
    rollback,
    async commit() {
      ended.resolve()
      await over
    },
  }
}

/** Fifty ask for the outcome while the transaction is made: all of them have to agree with it. */
export async function expectAgreement<Tx>(
  scene: Scene<Tx>,
  text: string,
  options?: InsertOptions<Tx>,
): Promise<void> {
  const key = await scene.newKey()
  const [ordered, ...answers] = await Promise.all([
    scene.order(text, key, options).then(
      () => 'committed',
      () => 'rolledBack',
    ),
    ...Array.from({ length: 50 }, () => scene.outcomeOf(key)),
  ])
  expect(new Set(answers)).toEqual(new Set([ordered]))
  expect(await scene.has(text)).toBe(ordered === 'committed')
  expect(await scene.opened.probe.barrier(key.gid)).toHaveLength(1)
}
