/**
 * `pnpm start`: an order service, four things that happen to it, and whether the steps of its
 * orders were done exactly if the orders committed. Exits with 0 only if all of it was seen.
 * `pnpm start --serve` keeps the same service running, to try it by hand; `--database` and `--tm` say on what.
 */
import { freshManager } from './fresh-manager.ts'
import { freshStorage } from './fresh-storage.ts'
import { startMailServer } from './mail-server.ts'
import { interrupted, NotObserved, observe, until, within } from './observe.ts'
import { readOptions } from './options.ts'
import { serve } from './serve.ts'
import { startShippingService } from './shipping-service.ts'
import { listOrders, orderTeapots, teapotsSold } from './shop-client.ts'
import { killShops, startShop } from './shop-process.ts'
import type { ShopProcess } from './shop-process.ts'
import { cross, heading, tell } from './terminal.ts'

const ada = 'ada@example.com'
const ben = 'ben@example.com'
const cleo = 'cleo@example.com'
const dan = 'dan@example.com'

const options = readOptions()
heading('Stepping: what an order leads to is done if, and only if, the order commits')
tell('order --commit--> 1 ship it (HTTP)   2 count it (read model)   3 confirm it (mail)')
const storage = await freshStorage(options.database)
const manager = await freshManager(options.tm)
const shipping = await startShippingService((shipment) => {
  if (options.serve) tell(`shipping service: ${JSON.stringify(shipment)}`)
})
const mail = await startMailServer(({ to, subject }) => {
  if (options.serve) tell(`mail server: "${subject}" to ${to}`)
})
const env = {
  ...storage.env,
  ...manager.env,
  SHIPPING_URL: shipping.url,
  SMTP_URL: mail.url,
}

try {
  tell(`Database: ${storage.description}`)
  tell(`Jobs are kept and driven by ${manager.description}`)
  tell('The shop starts, in a process of its own ...')
  await (options.serve ? serve(env, shipping.url) : play())
} catch (error) {
  process.exitCode = interrupted.signal.aborted ? 130 : 1
  if (error instanceof NotObserved) cross(`NOT OBSERVED: ${error.message}`)
  else if (!interrupted.signal.aborted) throw error
} finally {
  await killShops()
  await mail[Symbol.asyncDispose]()
  await shipping[Symbol.asyncDispose]()
  await manager[Symbol.asyncDispose]()
  await storage[Symbol.asyncDispose]()
}

async function play(): Promise<void> {
  const begin = performance.now()
  // Its third commit is Cleo's order, after Ada's and the counting of Ada's.
  const first = await startShop({ ...env, CRASH_AFTER_COMMIT: '3' })
  await anOrderCommits(first)
  await anOrderRollsBack(first)
  const last = await theShopIsKilled(first)
  await aStepFails(last)

  heading('In the end')
  const emails = (await listOrders(last)).map(({ email }) => email).toSorted()
  observe('three orders are stored', emails.join() === [ada, cleo, dan].join(), emails)
  observe('three shipments were made', shipping.shipments.length === 3, shipping.shipments)
  observe('three mails were received', mail.inbox.length === 3, mail.inbox)
  last.stop()
  const end = await within('the shop ends when it is asked to', last.exit)
  observe('the shop ends when it is asked to', end === 0, end)

  const seconds = ((performance.now() - begin) / 1_000).toFixed(1)
  heading(`All of it was observed, in ${seconds} s.`)
  tell('Read the shop:  examples/orders/shop.ts')
  const same = `--database ${options.database} --tm ${options.tm}`
  tell(`Try it by hand: npx --yes pnpm@12 start --serve ${same}`)
}

async function anOrderCommits(shop: ShopProcess): Promise<void> {
  heading('1  An order commits')
  tell('Ada orders 1 teapot.')
  const status = await orderTeapots(shop, ada, 1)
  observe('the shop accepts it (201)', status === 201, status)
  await observeDone(shop, ada, { sold: 1 })
}

async function anOrderRollsBack(shop: ShopProcess): Promise<void> {
  heading('2  An order rolls back')
  tell('Ben orders 99 teapots. In one transaction the shop inserts the order, adds its steps,')
  tell('finds only 9 in stock, and throws.')
  const status = await orderTeapots(shop, ben, 99)
  observe('the shop refuses it (409)', status === 409, status)
  const jobs = await manager.jobsLeft(shop)
  observe('no job is stored that could ever run', jobs === 0, jobs)
  observeNothing('nothing is shipped or mailed to Ben', ben)
}

/** @returns the shop that takes over */
async function theShopIsKilled(first: ShopProcess): Promise<ShopProcess> {
  heading('3  The shop is killed')
  tell('Cleo orders 2 teapots. As soon as the order is committed, the shop is killed.')
  const status = await orderTeapots(first, cleo, 2).catch(() => 'no answer')
  observe('Cleo gets no answer', status === 'no answer', status)
  await observeKilled(first)
  observeNothing('nothing is shipped or mailed to her yet', cleo)

  tell(`It starts again. ${manager.goesOn.afterTheCommit}`)
  tell('Then the steps begin. As soon as the count is committed, the shop is killed again.')
  const second = await startShop({ ...env, CRASH_AFTER_COMMIT: '1' })
  await observeKilled(second)

  tell(`It starts again. ${manager.goesOn.inAStep}`)
  const third = await startShop(env)
  await observeDone(third, cleo, { sold: 3 })
  return third
}

async function aStepFails(shop: ShopProcess): Promise<void> {
  heading('4  A step fails')
  tell('Dan orders 1 teapot. The mail server will say two times: 451, try again later.')
  mail.refuse(2)
  const status = await orderTeapots(shop, dan, 1)
  observe('the shop accepts it (201)', status === 201, status)
  await observeDone(shop, dan, { sold: 4 })
  const failures = shop.log.filter((line) => /attempt [12] failed: .*451/.test(line))
  observe('each failed attempt left one line in the log', failures.length === 2, shop.log)
}

/** Waits until no job is left: nothing more can come then, so what came can be counted. */
async function observeDone(
  shop: ShopProcess,
  email: string,
  { sold }: { sold: number },
): Promise<void> {
  await until(
    `the job of ${email} is done`,
    () => manager.jobsLeft(shop),
    (jobs) => jobs === 0,
  )
  const shipments = shipping.shipments.filter((shipment) => shipment.email === email)
  observe('shipped once', shipments.length === 1, shipments)
  const units = await teapotsSold(shop)
  observe(`counted once: ${sold} sold by now`, units === sold, units)
  const mails = mail.inbox.filter(({ to }) => to === email)
  observe(`confirmed once: "${mails[0]?.subject}" to ${email}`, mails.length === 1, mails)
}

async function observeKilled(shop: ShopProcess): Promise<void> {
  const how = await within('the shop is killed', shop.exit)
  observe('the shop is dead (SIGKILL)', how === 'SIGKILL', how)
}

function observeNothing(what: string, email: string): void {
  const shipments = shipping.shipments.filter((shipment) => shipment.email === email)
  const mails = mail.inbox.filter(({ to }) => to === email)
  observe(what, shipments.length + mails.length === 0, [...shipments, ...mails])
}
