import Sqlite from 'better-sqlite3'

/** Another process that holds the write lock of FILE until SIGUSR2. */
const connection = new Sqlite(process.env['FILE'])
connection.exec('begin immediate')
connection.prepare('insert into notes (text) values (?)').run('by another process')
process.on('SIGUSR2', () => {
  connection.exec('commit')
  connection.close()
  console.log('released')
  clearInterval(keepAlive)
})
const keepAlive = setInterval(() => {}, 1_000)
console.log('locked')
