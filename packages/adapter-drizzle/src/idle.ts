/** Unused for so long it is closed, and opened again when it is needed. */
const idleMs = 5_000

/** Connections of this library's own, which nobody else would close. */
export class Idle<T> {
  readonly #open: () => T
  readonly #close: (opened: T) => void
  readonly #isBusy: (opened: T) => boolean
  #opened: T | undefined
  #closing: ReturnType<typeof setTimeout> | undefined

  constructor(open: () => T, close: (opened: T) => void, isBusy: (opened: T) => boolean) {
    this.#open = open
    this.#close = close
    this.#isBusy = isBusy
  }

  /** To be used at once: what takes longer has to count as busy. */
  get(): T {
    this.#closeLater()
    return (this.#opened ??= this.#open())
  }

  /** Closes it now. */
  drop(): void {
    const opened = this.#opened
    this.#opened = undefined
    if (opened !== undefined) this.#close(opened)
  }

  #closeLater(): void {
    clearTimeout(this.#closing)
    this.#closing = setTimeout(() => {
      if (this.#opened !== undefined && this.#isBusy(this.#opened)) this.#closeLater()
      else this.drop()
    }, idleMs)
    // It must not keep the process.
    ;(this.#closing as { unref?(): void }).unref?.()
  }
}
