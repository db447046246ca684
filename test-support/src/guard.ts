import { spawn } from 'node:child_process'

/**
 * Ends process `pid` with `signal`, and then removes `folder`, as soon as this process is gone, however it went:
 * an exit handler would not run after SIGKILL. Returns the function that calls the guard off.
 *
 * The guard is a shell that waits for the end of its input, whose other end only this process holds. It is a
 * group of its own and ignores the polite signals, so that ending a whole process group does not end it first.
 */
export function guard(pid: number, signal: 'KILL' | 'QUIT', folder?: string): () => void {
  const script = `
    trap '' HUP INT TERM
    read -r _
    kill -s "$2" "$1" || exit
    tries=0
    while kill -0 "$1" && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
    [ -z "$3" ] || rm -rf -- "$3"`
  const shell = spawn('/bin/sh', ['-c', script, 'guard', `${pid}`, signal, folder ?? ''], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.unref()
  return () => void shell.kill('SIGKILL')
}
