import { Pool } from 'pg'
import { Sequelize } from 'sequelize'
import { expect, test } from 'vitest'
import { sequelize } from './sequelize.ts'
import type { SequelizeOptions } from './sequelize.ts'

test('a pool is refused, with what is taken', () => {
  const pool = new Pool() as unknown as Sequelize
  const make = (): unknown => sequelize(pool, { name: 'orders' })
  expect(make).toThrow(expect.objectContaining({ code: 'DATABASE_INVALID' }))
  expect(make).toThrow(
    'sequelize takes an instance of Sequelize 6 for postgres, mysql, mariadb, and got a Pool.',
  )
})

test('a database without a name is refused', () => {
  const db = new Sequelize({ dialect: 'postgres', logging: false })
  const make = (): unknown => sequelize(db, undefined as unknown as SequelizeOptions)
  expect(make).toThrow(/the database has no name/)
})
