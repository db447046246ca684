import Sqlite from 'better-sqlite3'

/** Another process that holds the write lock of FILE, or the one that LOCK names, until SIGUSR2. */
const connection = new Sqlite(process.env['FILE'])
connection.exec(`begin ${process.env['LOCK'] ?? 'immediate'}`)
connection.prepare('insert or ignore into notes (text) values (?)').run('by another process')
process.on('SIGUSR2', () => {
  connection.exec('commit')
  connection.close()
  console.log('released')
  clearInterval(keepAlive)
})
const keepAlive = setInterval(() => {}, 1_000)
console.log('locked')
