import { freshDatabase, takePostgres } from '@stepping/test-support'
import { writeFileSync } from 'node:fs'
const server = await takePostgres()
const { url } = await freshDatabase(server.url)
writeFileSync('/tmp/nc3/url', url)
process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)))
setInterval(() => {}, 1e6)
