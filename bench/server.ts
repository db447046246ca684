/** A server that loses nothing it has acknowledged, and that the bench started by itself. */
export interface Server extends AsyncDisposable {
  /** For people: version, and what its durability hangs on, as it says itself. */
  readonly settings: string
  /** For one measurement: nobody else uses it, and nothing is in it. */
  freshDatabase(): Promise<{ url: string } & AsyncDisposable>
}
