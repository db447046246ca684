/** What runs a step, or all of a job that has one: told which job, and the how-many-eth of its steps. */
export type Run = (job: number, step: number) => void | Promise<void>

export interface SideOptions {
  /** Connections of its pool, and transactions at once. */
  readonly connections: number
  /** Jobs that run at once. Default: what is best for steps that take no time. */
  readonly concurrency?: number
  /** Steps of each job. */
  readonly steps: number
  /** Executes jobs. Without it the process only adds them. */
  readonly run?: Run
}

/** A library at its best settings, as one process has it. */
export interface OpenSide {
  /** One transaction: a row in `business`, and a job. */
  enqueue(job: number): Promise<void>
  close(): Promise<void>
}

/** One library, used in one way. */
export interface Side {
  readonly name: string
  /** What it is, with its settings. */
  readonly about: string
  /** Far slower than the others: it is measured with a tenth of the jobs. */
  readonly slow?: true
  readonly probe: Probe
  /** Its tables, in a fresh database. */
  install(url: string): Promise<void>
  open(url: string, options: SideOptions): Promise<OpenSide>
  /** Jobs `0 … jobs - 1`, waiting, beside those that are there. Not measured. */
  fill?(url: string, jobs: number, steps: number): Promise<void>
  /** Takes all jobs away. Not measured. */
  clear?(url: string): Promise<void>
  /** Has the jobs that wait stand there for a person: they run no more. Not measured. */
  park?(url: string): Promise<void>
}

/** Looks at the database of a side, through a driver and no library. */
export interface Probe {
  /** Jobs that are not done. */
  readonly left: (url: string) => Promise<number>
  /** Rows in `business`. */
  readonly business: (url: string) => Promise<number>
  /** Begins to count what whoever connects from now on costs the server; what it returns reads the counts. */
  readonly meter?: (url: string) => Promise<() => Promise<Cost>>
}

export interface Cost {
  readonly statements?: number
  /** Of its log: what has to reach the disk. */
  readonly bytes?: number
}
