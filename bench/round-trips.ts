import { Socket } from 'node:net'

let trips = 0
/** Sockets that were answered since they were last written to. */
const answered = new WeakMap<Socket, boolean>()

/** How often a socket of this process was written to after it had been answered: whatever the driver. */
export function roundTrips(): number {
  watch()
  return trips
}

let watching = false

function watch(): void {
  if (watching) return
  watching = true
  const { write, push } = Socket.prototype
  Socket.prototype.write = function (this: Socket, ...args: unknown[]) {
    if (answered.get(this) ?? true) trips++
    answered.set(this, false)
    return (write as (...all: unknown[]) => boolean).apply(this, args)
  } as typeof write
  Socket.prototype.push = function (this: Socket, ...args: Parameters<typeof push>) {
    answered.set(this, true)
    return push.apply(this, args)
  }
}
