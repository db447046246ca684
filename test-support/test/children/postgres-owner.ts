// Starts a server, says which, and stays until it is killed.
import { startPostgres } from '../../src/postgres.ts'

const { dataDir } = await startPostgres()
console.log(`started ${dataDir}`)
setInterval(() => {}, 60_000)
