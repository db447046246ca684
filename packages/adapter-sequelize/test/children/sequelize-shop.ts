// A process of crash.test.ts.
import { Sequelize } from 'sequelize'
import type { Dialect, Transaction } from 'sequelize'
import { dieAtCommit } from '../../../adapter-pg/test/children/die-at-commit.ts'
import { runShop } from '../../../adapter-pg/test/children/shop.ts'
import type { ShopEnvironment } from '../../../adapter-pg/test/children/shop.ts'
import { sequelize } from '../../src/index.ts'

const env = process.env as unknown as ShopEnvironment & { DIALECT: Dialect }
const db = open(env.ORDERS_URL)
db.addHook('afterConnect', (connection) => {
  if (env.CRASH) dieAtCommit(connection as { query: unknown }, env.CRASH)
})
const orders = sequelize(db, { name: 'orders' })
const isOutbox = env.STORE_URL === env.ORDERS_URL
const store = isOutbox ? orders : sequelize(open(env.STORE_URL), { name: 'jobs' })

await runShop<Transaction>({
  orders,
  store,
  insert: (transaction, table, sku) =>
    db.query(`insert into ${table} (sku) values (?)`, { replacements: [sku], transaction }),
  begin: () => db.transaction(),
  commit: (transaction) => transaction.commit(),
})

function open(from: string): Sequelize {
  const { hostname: host, port, username, password, pathname } = new URL(from)
  return new Sequelize(pathname.slice(1), username, password, {
    dialect: env.DIALECT,
    host,
    port: Number(port),
    logging: false,
  })
}
