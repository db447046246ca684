/** An open transaction of the fake library. A business row is a plain string. */
export class FakeTransaction {
  readonly rows: string[] = []
  readonly barrierRows = new Map<string, 'msg' | 'empty'>()
  readonly onceRows = new Map<string, string | null>()
  state: 'open' | 'committed' | 'rolledBack' = 'open'
  /** The server's word for the COMMIT arrived. */
  proved = false
  readonly #over = Promise.withResolvers<void>()

  get over(): Promise<void> {
    return this.#over.promise
  }

  insert(row: string): void {
    this.assertOpen()
    this.rows.push(row)
  }

  assertOpen(): void {
    if (this.state !== 'open') throw new Error(`the transaction is ${this.state}`)
  }

  end(state: 'committed' | 'rolledBack'): void {
    this.state = state
    this.#over.resolve()
  }
}
