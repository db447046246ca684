/** One way to install a package: the name is that of its program. */
export interface Case {
  readonly name: string
  readonly package: string
  /** What the program needs beside the package and its peers: an optional peer, or a driver, as the workspace has it. */
  readonly beside?: readonly string[]
  /** What the program connects to; most need one. */
  readonly server?: 'postgres' | 'mysql' | 'mongodb' | 'dtm'
  /** What the package brings along that is not of this repository. */
  readonly brings?: readonly string[]
  /** Drizzle's types take the compiler seconds and do not pass it: once is enough. */
  readonly skipLibCheck?: boolean
}

const drizzle = '@stepping/adapter-drizzle'
const sequelize = '@stepping/adapter-sequelize'

export const cases: readonly Case[] = [
  { name: 'pg', package: '@stepping/adapter-pg', beside: ['@types/pg'], server: 'postgres' },
  { name: 'mysql2', package: '@stepping/adapter-mysql2', server: 'mysql' },
  { name: 'mongo', package: '@stepping/adapter-mongo', server: 'mongodb' },
  {
    name: 'drizzle-pglite',
    package: drizzle,
    skipLibCheck: true,
    beside: ['@electric-sql/pglite'],
  },
  {
    name: 'drizzle-node-postgres',
    package: drizzle,
    skipLibCheck: true,
    beside: ['pg', '@types/pg'],
    server: 'postgres',
  },
  { name: 'drizzle-postgres-js', package: drizzle, beside: ['postgres'], server: 'postgres' },
  {
    name: 'drizzle-mysql2',
    package: drizzle,
    skipLibCheck: true,
    beside: ['mysql2'],
    server: 'mysql',
  },
  {
    name: 'drizzle-better-sqlite3',
    package: drizzle,
    skipLibCheck: true,
    beside: ['better-sqlite3', '@types/better-sqlite3'],
  },
  { name: 'drizzle-libsql', package: drizzle, skipLibCheck: true, beside: ['@libsql/client'] },
  {
    name: 'sequelize-postgres',
    package: sequelize,
    beside: ['pg'],
    server: 'postgres',
  },
  { name: 'sequelize-mysql2', package: sequelize, beside: ['mysql2'], server: 'mysql' },
  { name: 'sequelize-mariadb', package: sequelize, beside: ['mariadb'], server: 'mysql' },
  { name: 'conformance', package: '@stepping/conformance' },
  { name: 'dtm', package: '@stepping/dtm', server: 'dtm', brings: ['undici'] },
  {
    name: 'dtm-grpc',
    package: '@stepping/dtm',
    beside: ['@grpc/grpc-js'],
    server: 'dtm',
    brings: ['undici'],
  },
  { name: 'grpc-step', package: '@stepping/grpc-step' },
]
