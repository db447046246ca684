// Starts a server, says which, and stays until it is killed.
import { startMariadb } from '../../src/mariadb.ts'

const { dataDir } = await startMariadb()
console.log(`started ${dataDir}`)
setInterval(() => {}, 60_000)
