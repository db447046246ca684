// A process of crash.test.ts.
import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import { pg } from '../../src/index.ts'
import { dieAtCommit } from './die-at-commit.ts'
import { runShop } from './shop.ts'
import type { ShopEnvironment } from './shop.ts'

const env = process.env as unknown as ShopEnvironment
const pool = new Pool({ connectionString: env.ORDERS_URL })
if (env.CRASH) pool.on('connect', (client) => dieAtCommit(client, env.CRASH!))
const orders = pg(pool, { name: 'orders' })
const isOutbox = env.STORE_URL === env.ORDERS_URL
const store = isOutbox
  ? orders
  : pg(new Pool({ connectionString: env.STORE_URL }), { name: 'jobs' })

await runShop<PoolClient>({
  orders,
  store,
  insert: (client, table, sku) => client.query(`insert into ${table} (sku) values ($1)`, [sku]),
  async begin() {
    const client = await pool.connect()
    await client.query('begin')
    return client
  },
  commit: (client) => client.query('commit'),
})
