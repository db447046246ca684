import { execFile } from 'node:child_process'

/** Resolves with what the command printed; rejects with that if it fails. */
export function run(
  command: string,
  args: readonly string[],
  { cwd = '.', env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const options = { cwd, env: { ...process.env, ...env }, timeout: 300_000 }
  return new Promise((resolve, reject) => {
    execFile(command, args, options, (error, stdout) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${error.message}\n${stdout}`))
    })
  })
}
