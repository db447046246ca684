import { Socket } from 'node:net'

/** Sockets that were answered since they were last written to. */
const answered = new WeakMap<object, boolean>()

let trips: number | undefined

/** How often a socket of this process was written to after it had been answered, whatever the driver. */
export function roundTrips(): number {
  return (trips ??= watch())
}

function watch(): 0 {
  onCall('write', (socket) => {
    if (answered.get(socket) ?? true) trips!++
    answered.set(socket, false)
  })
  onCall('push', (socket) => answered.set(socket, true))
  return 0
}

/** Left writable: Node puts another `write` on a socket that has ended. */
function onCall(method: 'write' | 'push', note: (socket: object) => void): void {
  const original = Reflect.get(Socket.prototype, method) as (...args: unknown[]) => unknown
  Object.defineProperty(Socket.prototype, method, {
    configurable: true,
    writable: true,
    value(this: object, ...args: unknown[]) {
      note(this)
      return original.apply(this, args)
    },
  })
}
