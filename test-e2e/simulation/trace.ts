import type { Scheduler } from './scheduler.ts'

/** What happened, a line each; kept only when somebody will read it. */
export class Trace {
  readonly lines: string[] = []
  readonly #scheduler: Scheduler
  readonly #isOn: boolean

  constructor(scheduler: Scheduler, isOn: boolean) {
    this.#scheduler = scheduler
    this.#isOn = isOn
  }

  write(line: () => string): void {
    if (!this.#isOn) return
    this.lines.push(`${(this.#scheduler.nowMs / 1_000).toFixed(4).padStart(10)} s  ${line()}`)
  }
}
