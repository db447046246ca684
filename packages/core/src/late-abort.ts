/**
 * An `AbortController` whose signal is made when somebody asks for it: making one takes more than all else
 * of an attempt, and most steps do not ask.
 */
export class LateAbort {
  #reason: Error | undefined
  #controller: AbortController | undefined

  /** What it was aborted with first; undefined until then. Asking makes no signal. */
  get reason(): Error | undefined {
    return this.#reason
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#reason) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  abort(reason: Error): void {
    this.#reason ??= reason
    this.#controller?.abort(this.#reason)
  }
}
