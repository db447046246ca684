import { Server, ServerCredentials } from '@grpc/grpc-js'
import { createStepping, defineStep, unchecked } from '@stepping/core'
import { dtmGrpc } from '@stepping/dtm/grpc'

const mailed = Promise.withResolvers<number>()
const sendMail = defineStep({
  name: 'SendMail',
  args: unchecked<{ orderId: number }>(),
  run: ({ args }) => mailed.resolve(args.orderId),
})

const server = new Server()
const bound = Promise.withResolvers<number>()
server.bindAsync('0.0.0.0:0', ServerCredentials.createInsecure(), (error, port) =>
  error ? bound.reject(error) : bound.resolve(port),
)
const tm = dtmGrpc({
  server: process.env['DTM_URL']!,
  grpcServer: process.env['DTM_GRPC']!,
  callbackAddress: `${process.env['CALLBACK_HOST']}:${await bound.promise}`,
  secrets: ['0123456789abcdef0123456789abcdef'],
})
tm.addTo(server)
{
  await using stepping = createStepping({ app: 'shop', tm, databases: [], steps: [sendMail] })
  await stepping.start()
  await stepping.createJob().addStep(sendMail, { orderId: 7 }).start()
  if ((await mailed.promise) !== 7) throw new Error('The step ran with the wrong args.')
}
server.forceShutdown()
