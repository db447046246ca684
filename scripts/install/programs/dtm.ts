import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createStepping, defineStep, unchecked } from '@stepping/core'
import { dtm, toNodeListener } from '@stepping/dtm'

const mailed = Promise.withResolvers<number>()
const sendMail = defineStep({
  name: 'SendMail',
  args: unchecked<{ orderId: number }>(),
  run: ({ args }) => mailed.resolve(args.orderId),
})

const server = createServer()
await once(server.listen(0), 'listening')
const { port } = server.address() as AddressInfo
const tm = dtm({
  server: process.env['DTM_URL']!,
  callbackUrl: `http://${process.env['CALLBACK_HOST']}:${port}/stepping`,
  secrets: ['0123456789abcdef0123456789abcdef'],
})
server.on('request', toNodeListener(tm.handler))
{
  await using stepping = createStepping({ app: 'shop', tm, databases: [], steps: [sendMail] })
  await stepping.start()
  await stepping.createJob().addStep(sendMail, { orderId: 7 }).start()
  if ((await mailed.promise) !== 7) throw new Error('The step ran with the wrong args.')
}
server.close()
server.closeAllConnections()
