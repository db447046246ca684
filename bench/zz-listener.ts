import { createServer } from 'node:http'
import { toNodeListener } from '@stepping/dtm'
import { Pool } from 'undici'
import { text } from 'node:stream/consumers'
async function readBody(request: Request) { const chunks: Uint8Array[] = []; for await (const c of request.body ?? []) chunks.push(c); return Buffer.concat(chunks).toString() }
const web = toNodeListener(async (request) => { await readBody(request); new URL(request.url).searchParams.get('x'); return Response.json({ result: 'done' }, { status: 200, headers: { 'cache-control': 'no-store' } }) })
const bare = async (request: any, response: any) => { await text(request); new URL(request.url, 'http://x').searchParams.get('x'); response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }); response.end('{"result":"done"}') }
for (const [name, l] of [['web', web], ['bare', bare], ['web', web], ['bare', bare]] as const) {
  const server = createServer(l as any).listen(0); await new Promise((r) => server.once('listening', r))
  const pool = new Pool(`http://127.0.0.1:${(server.address() as any).port}`, { connections: 10 })
  const go = async (n: number) => { let i = 0; await Promise.all(Array.from({ length: 10 }, async () => { while (i++ < n) { const { body } = await pool.request({ method: 'POST', path: '/a?x=1', body: '{"a":1,"b":"cccccccccccccccccccccccccccccccccccccc"}', headers: { 'content-type': 'application/json' } }); await body.text() } })) }
  await go(2000); const c = process.cpuUsage(); await go(5000); const u = process.cpuUsage(c)
  console.log(name, ((u.user + u.system) / 5000).toFixed(0), 'us per request, client included')
  await pool.close(); server.close()
}
