/** Stands where something has to be written; to be deleted with the last of them. */
export function unwritten(what: string, where: string, todo: string): Error {
  return new Error(`${what} is not written yet, in ${where}: ${todo}.`)
}
