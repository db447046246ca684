import { sequelize } from '@stepping/adapter-sequelize'
import { DataTypes, Sequelize } from 'sequelize'
import type { Transaction } from 'sequelize'
import { sku } from '../business.ts'
import type { Side } from '../side.ts'
import { handWritten } from './hand-written.ts'
import { besidePostgres } from './beside-postgres.ts'
import { steppingSide } from './stepping-side.ts'

const bare = { timestamps: false, freezeTableName: true, noPrimaryKey: true }

function connect(url: string, max: number) {
  const library = new Sequelize(url, { logging: false, pool: { max } })
  const business = library.define('business', { job: DataTypes.INTEGER, sku: DataTypes.TEXT }, bare)
  const outbox = library.define('outbox', { payload: DataTypes.TEXT }, bare)
  business.removeAttribute('id')
  outbox.removeAttribute('id')
  return { library, business, outbox }
}

export const steppingSequelize: Side = steppingSide<Transaction>(
  'stepping-sequelize',
  'self-TM over adapter-sequelize with prepare: true',
  besidePostgres,
  (url, max) => {
    const { library, business } = connect(url, max)
    return {
      database: sequelize(library, { name: 'shop', prepare: true }),
      insert: (transaction, job) => business.create({ job, sku }, { transaction }),
      end: () => library.close(),
    }
  },
)

export const handWrittenSequelize: Side = {
  ...handWritten,
  name: 'hand-written-sequelize',
  about: "both inserts by Sequelize's models",
  open: async (url, { connections }) => {
    const { library, business, outbox } = connect(url, connections)
    return {
      enqueue: (job) =>
        library.transaction(async (transaction) => {
          await business.create({ job, sku }, { transaction })
          await outbox.create({ payload: JSON.stringify({ job }) }, { transaction })
        }),
      close: () => library.close(),
    }
  },
}
