import type { Mutation } from '../mutation.ts'

export const selfTm: readonly Mutation[] = [
  {
    name: 'a job runs although nobody proved that its row was committed',
    file: 'packages/self-tm/src/job-run.ts',
    from: 'if (!proven && !(await this.#isCommitted())) return this.#leave()',
    to: '',
    test: {
      file: 'packages/self-tm/src/job-run-lease.test.ts',
      name: 'does not run when its row is not there',
    },
  },
  {
    name: 'a lease’s holder trusts it for ever',
    file: 'packages/self-tm/src/lease.ts',
    from: 'if (!this.#stop.reason && monotonicMs() >= this.deadlineMs) this.onDeadline()',
    to: '',
    test: {
      file: 'packages/self-tm/src/lease.test.ts',
      name: 'is not held after its deadline although the timer is late',
    },
  },
  {
    name: 'a lease counts from the answer',
    file: 'packages/self-tm/src/settler.ts',
    from: '{ result, reason, sentAtMs: each.sentAtMs! }',
    to: '{ result, reason, sentAtMs: monotonicMs() }',
    test: {
      file: 'packages/self-tm/src/settler.test.ts',
      name: 'a caller learns its own result and when the statement was sent',
    },
  },
  {
    name: 'all jobs of a claim begin in one turn of the event loop',
    file: 'packages/self-tm/src/worker.ts',
    from: 'const perTurn = 250',
    to: 'const perTurn = Infinity',
    test: {
      file: 'packages/self-tm/src/worker.test.ts',
      name: 'so many jobs begin in several turns of the event loop',
    },
  },
  {
    name: 'jobs that wait for their turn keep their leases at the close',
    file: 'packages/self-tm/src/worker.ts',
    from: 'this.#closing ? claims : claims.slice(0, perTurn)',
    to: 'claims.slice(0, perTurn)',
    test: {
      file: 'packages/self-tm/src/worker-close.test.ts',
      name: 'is given back when its turn would come during the close',
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
    from: 'cursor: this.#cursor, ...ending }, this)',
    to: `cursor: this.#cursor, ...ending }, ending.to === 'advanced' ? { settled() {} } : this)
    if (ending.to === 'advanced') this.settled(ending as Settlement, { result: 'saved', sentAtMs: 0 })`,
    test: {
      file: 'packages/self-tm/src/job-run.test.ts',
      name: 'a step does not begin before the completion of the one before it is durable',
    },
  },
  {
    name: 'the next step begins although the store refused the completion',
    file: 'packages/self-tm/src/job-run.ts',
    from: `if (result === 'refused' && !this.#wasRefused) return this.#park(reason)
    if (result === 'saved' && goesOn(ending)) {`,
    to: 'if (goesOn(ending)) {',
    test: {
      file: 'packages/self-tm/src/job-run.test.ts',
      name: 'with the store refusing it to go on parks the job, and nothing follows',
    },
  },
  {
    name: 'one row that is refused fails its whole batch',
    file: 'packages/self-tm/src/settler.ts',
    from: 'for (const each of batch) await this.#write([each])',
    to: `for (const each of batch) tell(each, 'refused', error)`,
    test: {
      file: 'packages/self-tm/src/settler.test.ts',
      name: 'one ending that the store refuses does not fail the others of its batch',
    },
  },
  {
    name: 'a holder is told again of an ending that was written singly',
    file: 'packages/self-tm/src/settler.ts',
    from: 'batch.filter(({ isTold }) => !isTold)',
    to: 'batch',
    test: {
      file: 'packages/self-tm/src/settler.test.ts',
      name: 'each holder is told once, also where the store stops answering amid a batch that it refused',
    },
  },
  {
    name: 'a step runs in what cls-hooked keeps for the request that added its job',
    file: 'packages/self-tm/src/worker.ts',
    from: 'readonly #outside = outside()',
    to: 'readonly #outside = (work: () => void): void => work()',
    test: {
      file: 'packages/adapter-sequelize/test/cls.test.ts',
      name: 'a step does not run in the transaction around the call that began it',
    },
  },
  {
    name: 'a step that had to wait for its turn begins after its deadline',
    file: 'packages/self-tm/src/leased-call.ts',
    from: 'return !this.#lease.isHeld',
    to: 'return this.#lease.stoppedBy !== undefined',
    test: {
      file: 'packages/self-tm/src/lease.test.ts',
      name: 'a call knows that it is stopped by the time, before a timer tells',
    },
  },
  {
    name: 'after a backlog a process listens no more',
    file: 'packages/self-tm/src/listener.ts',
    from: 'if (this.#resting) this.#resume()',
    to: '',
    test: {
      file: 'packages/self-tm/src/listener.test.ts',
      name: 'that is gone it listens again, and has somebody look',
    },
  },
  {
    name: 'a process listens twice after a backlog',
    file: 'packages/self-tm/src/listener.ts',
    from: 'if (this.#isOff || this.#stop) return',
    to: 'if (this.#isOff) return',
    test: {
      file: 'packages/self-tm/src/listener.test.ts',
      name: 'a connection that fails to open until the backlog is gone is opened again once',
    },
  },
  {
    name: 'a connection that does not end keeps a process from listening again',
    file: 'packages/self-tm/src/listener.ts',
    from: 'if (stop) await endsWithin(stop(), closeMs)',
    to: 'await stop?.()',
    test: {
      file: 'packages/self-tm/src/listener.test.ts',
      name: 'it listens again also where the old connection does not end',
    },
  },
  {
    name: 'a job that waited for a slot begins in the request that gives it back',
    file: 'packages/self-tm/src/worker.ts',
    from: 'else this.#outside(() => this.#fillSoon())',
    to: 'else this.#fillSoon()',
    test: {
      file: 'packages/self-tm/src/worker-ahead.test.ts',
      name: 'a job that waited for a slot which a request gives back begins outside of that request',
    },
  },
]
