import type { Mutation } from '../mutation.ts'

export const dtm: readonly Mutation[] = [
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
