/** Each of so many loops takes the next number when its last one is done. */
export async function inParallel(
  loops: number,
  from: number,
  to: number,
  work: (job: number) => Promise<void>,
): Promise<void> {
  let next = from
  async function loop(): Promise<void> {
    while (next < to) await work(next++)
  }
  await Promise.all(Array.from({ length: loops }, loop))
}
