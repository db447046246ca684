// Loaded before the shop, whose standard input is a pipe that only main.ts holds: it ends with
// main.ts, however that goes.
process.stdin.on('close', () => process.exit()).resume()
process.stdin.unref()
