// Starts a server, says which, and stays until it is killed.
import { startMongo } from '../../src/mongo.ts'

const { dataDir } = await startMongo()
console.log(`started ${dataDir}`)
setInterval(() => {}, 60_000)
